# The harness's own AWS endpoint: DynamoDB with Streams and exports, Kinesis and S3, in memory.
#   docker build -t cdc-harness-aws .
#   docker run -p 127.0.0.1:4566:4566 -e AWS_ACCESS_KEY_ID=… -e AWS_SECRET_ACCESS_KEY=… cdc-harness-aws
# Any base with Python 3.11 or newer and pip does: --build-arg BASE=…
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}

WORKDIR /app
# `wheels`, where there is such a folder: to install from where no package index is reachable, with
# --build-arg PIP_ARGS="--no-index --find-links wheels".
COPY pyproject.toml constraints.txt README.md LICENSE wheels* ./wheels/
RUN mv wheels/pyproject.toml wheels/constraints.txt wheels/README.md wheels/LICENSE .
COPY harness harness
COPY scenarios scenarios
COPY examples examples
ARG PIP_ARGS=
# The image is the environment: nothing else of its Python is in use.
ENV PIP_BREAK_SYSTEM_PACKAGES=1
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check ${PIP_ARGS} --constraint constraints.txt .

RUN useradd --system --create-home harness
USER harness
EXPOSE 4566
# Bound beyond the container it takes signatures of one key alone: that of the environment, or a random one
# that it prints.
ENTRYPOINT ["python3", "-m", "harness.backends.aws_process", "--host", "0.0.0.0", "--port", "4566"]
