# A gateway node on Debian 13 with Node 24. See docs/operations.md, "In a container".
#
# Version of Node and C library are chosen together: they decide which native binary fits (glibc 2.38 or later for Node 24).
ARG NODE_IMAGE=docker.io/library/node:24-trixie-slim
ARG DEBIAN_IMAGE=docker.io/library/debian:trixie-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY packages/client/package.json ./packages/client/
COPY packages/react/package.json ./packages/react/
COPY packages/server/package.json ./packages/server/
# No script of a package runs; the build has a line of its own.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts && rm -r node_modules/@sluice node_modules/react && node scripts/keep-one-binary.mjs \
    # What editors and debuggers read of the dependencies.
    && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete

FROM ${DEBIAN_IMAGE}
# What this build is called: `sluice_info`, the table of nodes and the image say so. Absent: the version of the package.
ARG SLUICE_VERSION=""
LABEL org.opencontainers.image.title="Sluice" \
      org.opencontainers.image.description="A real-time gateway: WebSocket, SSE and long poll, with replay, resume and drains" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${SLUICE_VERSION}"
# Node alone, without npm: the image installs nothing.
COPY --from=build /usr/local/bin/node /usr/local/bin/node
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/bin ./bin
COPY --from=build /app/dist ./dist
ENV NODE_ENV=production SLUICE_VERSION=${SLUICE_VERSION}
# By number, so that who runs it can see that it is not root (runAsNonRoot).
USER 10001:10001
# Clients; backends, operators and health checks.
EXPOSE 8080 8081
# For engines that have no probes of their own. A node that is being drained is not ill.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "/app/bin/livez.js"]
# A drain: clients are moved away before the node ends.
STOPSIGNAL SIGTERM
# As a list: a shell in between would keep the signal to itself.
ENTRYPOINT ["node", "/app/bin/sluice.js"]
CMD ["serve"]
