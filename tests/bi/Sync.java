import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/**
 * What the sync of a BI tool does over JDBC: list schemas, then the tables of `marts`, their columns, keys and indexes with their
 * descriptions, and read every table. Each statement on standard input is then tried, with the limits of the session lifted.
 *
 * Arguments: the JDBC URL and the user; the password is in PGPASSWORD. Every line of the output holds a word and its values,
 * parted by tabs.
 */
public final class Sync {
    private static final String SCHEMA = "marts";

    public static void main(String[] arguments) throws Exception {
        try (Connection connection =
                DriverManager.getConnection(arguments[0], arguments[1], System.getenv("PGPASSWORD"))) {
            DatabaseMetaData catalog = connection.getMetaData();
            say("driver", catalog.getDriverName(), catalog.getDriverVersion());
            say("server", catalog.getDatabaseProductName(), catalog.getDatabaseProductVersion());
            try (ResultSet schemas = catalog.getSchemas()) {
                while (schemas.next()) {
                    say("schema", schemas.getString("TABLE_SCHEM"));
                }
            }
            List<String> tables = tables(catalog);
            columns(catalog);
            for (String table : tables) {
                keys(catalog, table);
                read(connection, table);
            }
            tryAll(connection);
        }
    }

    private static List<String> tables(DatabaseMetaData catalog) throws SQLException {
        List<String> names = new ArrayList<>();
        try (ResultSet found = catalog.getTables(null, SCHEMA, "%", new String[] {"TABLE", "VIEW"})) {
            while (found.next()) {
                names.add(found.getString("TABLE_NAME"));
                say("table", found.getString("TABLE_NAME"), found.getString("TABLE_TYPE"), found.getString("REMARKS"));
            }
        }
        return names;
    }

    private static void columns(DatabaseMetaData catalog) throws SQLException {
        try (ResultSet found = catalog.getColumns(null, SCHEMA, "%", "%")) {
            while (found.next()) {
                say(
                        "column",
                        found.getString("TABLE_NAME"),
                        found.getString("COLUMN_NAME"),
                        found.getString("TYPE_NAME"),
                        found.getString("REMARKS"));
            }
        }
    }

    private static void keys(DatabaseMetaData catalog, String table) throws SQLException {
        try (ResultSet found = catalog.getPrimaryKeys(null, SCHEMA, table)) {
            while (found.next()) {
                say("key", table, found.getString("COLUMN_NAME"), found.getString("KEY_SEQ"));
            }
        }
        try (ResultSet found = catalog.getIndexInfo(null, SCHEMA, table, false, true)) {
            while (found.next()) {
                say("index", table, found.getString("INDEX_NAME"), found.getString("COLUMN_NAME"));
            }
        }
    }

    private static void read(Connection connection, String table) throws SQLException {
        int columns;
        int rows = 0;
        try (Statement statement = connection.createStatement();
                ResultSet found = statement.executeQuery("select * from " + SCHEMA + ".\"" + table + "\"")) {
            columns = found.getMetaData().getColumnCount();
            while (found.next()) {
                for (int column = 1; column <= columns; column++) {
                    found.getObject(column);
                }
                rows++;
            }
        }
        say("read", table, Integer.toString(rows), Integer.toString(columns));
    }

    private static void tryAll(Connection connection) throws Exception {
        connection.setReadOnly(false);
        try (Statement statement = connection.createStatement()) {
            statement.execute("set default_transaction_read_only = off");
        }
        String input = new String(System.in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        for (String wish : input.lines().toList()) {
            try (Statement statement = connection.createStatement()) {
                statement.execute(wish);
                say("allowed", wish);
            } catch (SQLException error) {
                say("refused", wish, error.getSQLState());
            }
        }
    }

    private static void say(String... values) {
        List<String> cells = new ArrayList<>();
        for (String value : values) {
            cells.add(value == null ? "" : value.replaceAll("[\\t\\r\\n]+", " "));
        }
        System.out.println(String.join("\t", cells));
    }
}
