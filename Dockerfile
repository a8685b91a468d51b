# One image for all of Katib's processes in a cluster: operator, database manager, metrics collector,
# and the servers of algorithms.
#
#   docker build -t katib:0.1.0 .
#
# Without Docker: scripts/image.sh.
FROM python:3.13-slim AS build
COPY pyproject.toml README.md /source/
COPY src /source/src
RUN python -m venv /opt/katib \
    && /opt/katib/bin/pip install --no-cache-dir '/source[cluster,mysql,postgres]'

FROM python:3.13-slim
COPY --from=build /opt/katib /opt/katib
# Threads of numerical libraries on small matrices wait for each other.
ENV PATH=/opt/katib/bin:$PATH PYTHONUNBUFFERED=1 OPENBLAS_NUM_THREADS=1
USER 1000:1000
ENTRYPOINT ["katib"]
