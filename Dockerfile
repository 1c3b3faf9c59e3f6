# Two stages: the first has the compilers, the second only what runs.
FROM node:22-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
COPY scripts/ scripts/
COPY tsconfig.json tsconfig.build.json ./
COPY src/ src/
COPY web/ web/
RUN node scripts/build.mjs && npm prune --omit=dev --no-audit --no-fund

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=build /src/node_modules/ node_modules/
COPY --from=build /src/dist/ dist/
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 1883 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Sonde is process 1 and handles SIGTERM itself; no shell stands between.
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve", "--data", "/data"]
