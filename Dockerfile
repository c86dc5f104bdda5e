# One image for every container of docker-compose.yml and every pod of deploy/kubernetes: the locked requirements, the package, the DAGs.
FROM python:3.11.14-slim-bookworm AS build
# In a separate environment: the installer is left out of the image.
RUN python -m venv /opt/uv \
 && /opt/uv/bin/python -m pip install --no-cache-dir --disable-pip-version-check uv==0.13.8 \
 && python -m venv --without-pip /opt/meterhouse
WORKDIR /src
COPY requirements.txt requirements-cluster.txt ./
COPY deploy/kubernetes/requirements.txt ./requirements-kubernetes.txt
RUN /opt/uv/bin/uv pip install --python /opt/meterhouse/bin/python --no-cache --require-hashes --compile-bytecode \
    -r requirements.txt -r requirements-cluster.txt -r requirements-kubernetes.txt
COPY pyproject.toml README.md LICENSE ./
COPY etl ./etl
COPY migrations ./migrations
COPY dags ./dags
COPY bi ./bi
RUN /opt/uv/bin/uv pip install --python /opt/meterhouse/bin/python --no-cache --no-deps --no-build-isolation .

FROM python:3.11.14-slim-bookworm
# A named volume takes its owner from the folder that it is mounted on: the logs, the file of the UI's passwords, the reports.
RUN useradd --system --uid 50000 --gid 0 --create-home --home-dir /var/lib/airflow airflow \
 && install --directory --owner airflow --group root --mode 0770 /var/lib/airflow/logs /var/lib/airflow/auth /var/lib/airflow/reports
COPY --from=build /opt/meterhouse /opt/meterhouse
COPY dags /opt/dags
ENV PATH=/opt/meterhouse/bin:$PATH \
    AIRFLOW_HOME=/var/lib/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/dags \
    METERHOUSE_HOME=/var/lib/airflow/meterhouse \
    PYTHONUNBUFFERED=1
USER airflow
WORKDIR /var/lib/airflow
