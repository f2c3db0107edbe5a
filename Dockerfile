FROM python:3.13-slim-trixie AS build
WORKDIR /build
RUN python -m venv --without-pip /opt/openbell
COPY requirements.lock requirements-build.lock ./
RUN pip --python /opt/openbell/bin/python install --no-cache-dir --no-compile --require-hashes -r requirements.lock
RUN pip install --no-cache-dir --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY app app
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . && \
    pip --python /opt/openbell/bin/python install --no-cache-dir --no-compile --no-deps /wheels/*.whl && \
    /opt/openbell/bin/python -m compileall -q -j 0 /opt/openbell/lib

FROM python:3.13-slim-trixie
RUN pip uninstall --yes --quiet --root-user-action ignore pip && \
    groupadd --gid 10001 openbell && \
    useradd --uid 10001 --gid openbell --home-dir /data --no-create-home --shell /usr/sbin/nologin openbell && \
    install --directory --owner openbell --group openbell /data
COPY --from=build /opt/openbell /opt/openbell
ENV PATH=/opt/openbell/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OPENBELL_HOST=0.0.0.0 \
    OPENBELL_DATA_DIR=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('OPENBELL_PORT', '8000') + '/healthz', timeout=4)"]
ENTRYPOINT ["openbell"]
CMD ["serve"]
