# Nuncio where an image of Envoy stood: same executable name, entry point, port, user. Runs on a read-only root.
FROM node:26-bookworm-slim AS build
WORKDIR /opt/nuncio
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN scripts/generate-if-missing && scripts/build && npm prune --omit=dev --omit=optional --no-audit --no-fund

FROM node:26-bookworm-slim
COPY --from=build /opt/nuncio/package.json /opt/nuncio/LICENSE /opt/nuncio/NOTICE /opt/nuncio/
COPY --from=build /opt/nuncio/bin /opt/nuncio/bin
COPY --from=build /opt/nuncio/scripts/find-node /opt/nuncio/scripts/find-node
COPY --from=build /opt/nuncio/node_modules /opt/nuncio/node_modules
COPY --from=build /opt/nuncio/examples /opt/nuncio/examples
COPY --from=build /opt/nuncio/dist /opt/nuncio/dist
COPY docker-entrypoint.sh /docker-entrypoint.sh
ENV NUNCIO_NODE=/usr/local/bin/node NODE_COMPILE_CACHE=/opt/nuncio/code
RUN ln -s /opt/nuncio/bin/nuncio /usr/local/bin/envoy \
  && ln -s /opt/nuncio/bin/nuncio /usr/local/bin/nuncio \
  && mkdir -p /etc/envoy /opt/nuncio/code \
  && chown 65532:65532 /opt/nuncio/code
USER 65532:65532
# The compiled code is kept in the image, since a read-only root cannot keep it later. Node keeps it by user: this runs as the one that serves.
RUN envoy --mode init_only --concurrency 1 -c /opt/nuncio/examples/demo.yaml
EXPOSE 10000
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["envoy", "-c", "/etc/envoy/envoy.yaml"]
