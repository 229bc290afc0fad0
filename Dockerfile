# syntax=docker/dockerfile:1
# Two stages: the locked packages are built once, the image that runs holds no build tools.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements-bootstrap.txt requirements.txt ./
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --require-hashes -r requirements-bootstrap.txt \
    && VIRTUAL_ENV=/opt/venv /opt/venv/bin/uv pip install --no-cache --require-hashes \
        --compile-bytecode -r requirements.txt \
    && /opt/venv/bin/uv pip uninstall --python /opt/venv/bin/python uv

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MINIRAG_DATA_DIR=/data \
    MINIRAG_STATIC_ROOT=/app/staticfiles
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin minirag \
    && install -d -o minirag -g minirag /data
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY . .
# Throw-away values: collecting static files needs settings that boot, and keeps none of them.
RUN python -m compileall -q . \
    && SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
       MINIRAG_ENCRYPTION_KEYS="$(python -c 'import base64, secrets; print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())')" \
       ALLOWED_HOSTS=localhost MINIRAG_DATA_DIR=/tmp/build \
       python manage.py collectstatic --noinput \
    && rm -rf /tmp/build
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=4 \
    CMD ["python", "-m", "minirag.probe", "http://127.0.0.1:8000/healthz"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000"]
