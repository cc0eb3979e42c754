"""Brings Superset's own database to its version, makes the first user, and imports the dashboards.

Runs in Superset's environment, which has none of Touchstone's packages. One process does all of it, because each start of
Superset's application costs many seconds. The environment names the folder of files to import and the first user.
"""

import os
import sys
from pathlib import Path

from superset.app import create_app


def main() -> int:
    """Prepare; 0 when done."""
    app = create_app()
    with app.app_context():
        import flask_migrate
        from flask import g
        from superset import appbuilder, security_manager
        from superset.commands.importers.v1.assets import ImportAssetsCommand
        from superset.utils import core

        flask_migrate.upgrade(directory=str(Path(core.__file__).parents[1] / "migrations"))
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        user, password = os.environ["SUPERSET_ADMIN"], os.environ["SUPERSET_ADMIN_PASSWORD"]
        admin = security_manager.find_user(username=user)
        if admin is None:
            admin = security_manager.add_user(
                user, "Touchstone", "Administrator", f"{user}@localhost", security_manager.find_role("Admin"), password
            )
        else:
            security_manager.reset_password(admin.id, password)
        if not admin:
            sys.stderr.write("the first user could not be made\n")
            return 1
        g.user = admin
        folder = Path(os.environ["SUPERSET_IMPORT"])
        files = {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.yaml"))}
        ImportAssetsCommand(files).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
