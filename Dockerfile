# A service over one bundle, without torch. Build it beside the bundle's folder or mount the bundle at /bundle:
#   docker build -t fairlead-service .
#   docker run --read-only --tmpfs /tmp -v "$PWD/RUN/bundle:/bundle:ro" -v "$PWD/key.txt:/run/secrets/api_key:ro" \
#     -e FAIRLEAD_API_KEY_FILE=/run/secrets/api_key -p 3000:3000 fairlead-service
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /build
RUN python3 -m venv /opt/fairlead
COPY requirements-serve.txt ./
# tokenizers asks for the hub's client, which it calls for nothing that a service does: without it, the image is 24 MB
# smaller, and holds nothing that downloads models.
RUN /opt/fairlead/bin/pip install --no-cache-dir --no-compile --require-hashes -r requirements-serve.txt \
    && /opt/fairlead/bin/pip uninstall --yes huggingface-hub hf-xet httpx2 httpcore2 truststore filelock tqdm
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
# pip fetches the build backend for this step, which leaves nothing of itself behind; nothing else is resolved.
RUN /opt/fairlead/bin/pip install --no-cache-dir --no-compile --no-deps . \
    && /opt/fairlead/bin/python -m fairlead.serving.sbom > /opt/fairlead/sbom.cdx.json \
    && /opt/fairlead/bin/pip uninstall --yes pip setuptools \
    && find /opt/fairlead -type d \( -name tests -o -name test \) -path '*/site-packages/*' -prune -exec rm -rf {} + \
    && /opt/fairlead/bin/python -m compileall -q -j 0 /opt/fairlead/lib

FROM ${BASE}
COPY --from=build /opt/fairlead /opt/fairlead
ENV PATH=/opt/fairlead/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BENTOML_DO_NOT_TRACK=True \
    BENTOML_HOME=/tmp/bentoml \
    HOME=/tmp \
    MALLOC_MMAP_THRESHOLD_=1048576 \
    OTEL_SDK_DISABLED=true \
    FAIRLEAD_DRAIN=5
# Where monitoring may write if FAIRLEAD_MONITOR_FOLDER names it: a named volume put here takes over its owner.
RUN install -d -o 10001 -g 10001 /var/lib/fairlead
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /tmp
# On a read-only root this is what may be written; declared, it keeps its permissions where a volume is mounted on Fargate.
VOLUME /tmp
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:3000/livez', timeout=2)"]
ENTRYPOINT ["fairlead", "serve", "/bundle", "--host", "0.0.0.0"]
