# One image for every container of docker-compose.yml: the locked requirements, the package, the DAGs.
FROM python:3.11.14-slim-bookworm AS build
RUN python -m venv /opt/meterhouse \
 && /opt/meterhouse/bin/python -m pip install --no-cache-dir --disable-pip-version-check uv==0.13.8
WORKDIR /src
COPY requirements.txt ./
RUN /opt/meterhouse/bin/uv pip install --python /opt/meterhouse/bin/python --no-cache \
    --require-hashes --compile-bytecode -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY etl ./etl
COPY migrations ./migrations
COPY dags ./dags
RUN /opt/meterhouse/bin/uv pip install --python /opt/meterhouse/bin/python --no-cache --no-deps --no-build-isolation .

FROM python:3.11.14-slim-bookworm
# The named volume takes its owner from this folder.
RUN useradd --system --uid 50000 --create-home --home-dir /var/lib/airflow airflow
COPY --from=build /opt/meterhouse /opt/meterhouse
COPY dags /opt/dags
ENV PATH=/opt/meterhouse/bin:$PATH \
    AIRFLOW_HOME=/var/lib/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/dags \
    METERHOUSE_HOME=/var/lib/airflow/meterhouse \
    PYTHONUNBUFFERED=1
USER airflow
WORKDIR /var/lib/airflow
