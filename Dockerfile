# Touchstone on Apache Airflow: the same code and the same lock as a checkout has. Runs as the image's user airflow.
FROM apache/airflow:slim-3.3.2-python3.11

USER root
RUN install -d -o airflow -g root -m 0775 /opt/touchstone /opt/touchstone/state /opt/touchstone/build /opt/touchstone/inbox
USER airflow

WORKDIR /opt/touchstone
COPY requirements.txt requirements-image.txt ./
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.txt \
    && pip install --no-cache-dir --no-deps --require-hashes -r requirements-image.txt

COPY include ./include
COPY dags ./dags
COPY plugins ./plugins
COPY dbt_project ./dbt_project
COPY expectations ./expectations
COPY config ./config

ENV PYTHONPATH=/opt/touchstone/include \
    TOUCHSTONE_ROOT=/opt/touchstone \
    TOUCHSTONE_HOME=/opt/touchstone/state \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/touchstone/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/touchstone/plugins
