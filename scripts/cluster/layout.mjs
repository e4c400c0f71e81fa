/**
 * Who listens where in a cluster on one machine, and the files that say so. Decides only: starts nothing, writes nothing.
 */

import { readFileSync } from 'node:fs'

export const HOST = '127.0.0.1'

const gateway = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
/** As src/package-names.ts has it. */
const NPX = `npx ${gateway.name}`

/** From the first port on; enough room for ten of each. */
const PLACES = { second: 1, public: 11, nats: 21, natsMonitor: 31, natsRoutes: 41, redis: 51, api: 52 }
export const COUNT_MAX = 10

/** Ports counted from the first one, each kind in a decade of its own, so that they can be remembered. */
export function portsFrom(first, { nodes, nats }) {
  const several = (place, count) => Array.from({ length: count }, (_, index) => first + PLACES[place] + index)
  return {
    balancer: first,
    second: several('second', nodes),
    public: several('public', nodes),
    nats: several('nats', nats),
    natsMonitor: several('natsMonitor', nats),
    natsRoutes: several('natsRoutes', nats),
    redis: first + PLACES.redis,
    api: first + PLACES.api,
  }
}

/** The configuration of a node, by its index. What is not said here is as in production. */
export function nodeFile(index, ports, { balanced, origins, secrets }) {
  return {
    host: HOST,
    port: ports.public[index],
    allowedOrigins: origins,
    // Whoever connects to the public port of a node is the balancer then, and says in a header for whom.
    ...(balanced ? { trustedProxies: [HOST], proxyProtocol: true } : {}),
    api: { host: HOST, port: ports.second[index], keys: [`cluster:publish+history+admin:${secrets.apiKey}`] },
    nats: { url: ports.nats.map((port) => `nats://${HOST}:${port}`) },
    redis: { url: [`redis://${HOST}:${ports.redis}`] },
    auth: { jwtSecret: secrets.jwtSecret },
    node: { clusterSecret: secrets.clusterSecret },
    namespaces: { '*': { clientPublish: 'fanout' }, orders: { delivery: 'durable' } },
    // The balancer looks twice a second, and nobody wants to watch a drain for forty minutes.
    drain: { plan: '30s', deregisterDelay: '2s' },
  }
}

export function natsFile(index, ports, directory) {
  const routes = ports.natsRoutes.map((port) => `nats://${HOST}:${port}`).join(', ')
  return lines(
    `server_name: nats-${index + 1}`,
    `listen: ${HOST}:${ports.nats[index]}`,
    `http: ${HOST}:${ports.natsMonitor[index]}`,
    `jetstream { store_dir: "${directory}/nats-${index + 1}", max_mem: 256MB, max_file: 1GB }`,
    ...(ports.nats.length === 1
      ? []
      : [`cluster { name: sluice, listen: ${HOST}:${ports.natsRoutes[index]}, routes: [${routes}] }`]),
  )
}

/** What a gateway needs of Redis: nothing is thrown away for want of memory, and a restart loses nothing, so it resets nobody. */
export function redisFile(ports, directory) {
  return lines(
    `port ${ports.redis}`,
    `bind ${HOST}`,
    `dir ${directory}`,
    'appendonly yes',
    'appendfsync always',
    'no-appendfsync-on-rewrite no',
    'save ""',
    'maxmemory-policy noeviction',
  )
}

/** In front of both listeners: clients get to nodes that are ready, backends and operators to any that lives. */
export function haproxyFile(ports) {
  const backend = (name, check, options, own) => [
    `backend ${name}`,
    '  balance leastconn',
    '  option httpchk',
    `  http-check send meth GET uri ${check} ver HTTP/1.1 hdr Host sluice`,
    '  http-check expect status 200',
    `  default-server ${options}check inter 500ms fall 1 rise 1`,
    ...own.map((port, index) => `  server node-${index + 1} ${HOST}:${port} port ${ports.second[index]}`),
  ]
  return lines(
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 1h',
    '  timeout server 1h',
    '  option redispatch 1',
    'frontend public',
    `  bind ${HOST}:${ports.balancer}`,
    '  default_backend clients',
    'frontend api',
    `  bind ${HOST}:${ports.api}`,
    '  default_backend api',
    ...backend('clients', '/readyz', 'send-proxy-v2 ', ports.public),
    ...backend('api', '/livez', '', ports.second),
  )
}

/** What another terminal reads to know the cluster. */
export function environmentFile(ports, directory, { balanced, secrets, token }) {
  const clients = `${HOST}:${balanced ? ports.balancer : ports.public[0]}`
  return lines(
    `export CLUSTER=${directory}`,
    `export GATEWAY=http://${clients}`,
    `export SLUICE_URL=ws://${clients}`,
    `export SLUICE_API_URL=http://${HOST}:${balanced ? ports.api : ports.second[0]}`,
    `export NODE_URL=http://${HOST}:${ports.second[0]}`,
    `export SLUICE_API_KEY=${secrets.apiKey}`,
    `export SLUICE_TOKEN=${token}`,
    `export NATS_MONITOR=http://${HOST}:${ports.natsMonitor[0]}`,
    `export REDIS_URL=redis://${HOST}:${ports.redis}`,
  )
}

/** What is printed when all of it runs. */
export function welcome(ports, directory, { balanced, version }) {
  const rows = [
    ...(balanced
      ? [
          [
            'clients',
            `http://${HOST}:${ports.balancer}`,
            'HAProxy, which passes bytes on to nodes that are ready',
          ],
          ['api', `http://${HOST}:${ports.api}`, 'HAProxy, to the second listener of any node'],
        ]
      : ports.public.map((port, index) => [`clients ${index + 1}`, `http://${HOST}:${port}`, 'no balancer'])),
    ...ports.second.map((port, index) => [
      `node-${index + 1}`,
      `http://${HOST}:${port}`,
      'second listener: API, /metrics, /healthz/deep',
    ]),
    ...ports.nats.map((port, index) => [
      `nats-${index + 1}`,
      `nats://${HOST}:${port}`,
      `monitor http://${HOST}:${ports.natsMonitor[index]}`,
    ]),
    ['redis', `redis://${HOST}:${ports.redis}`, ''],
  ]
  const [names, addresses] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column].length)))
  return [
    `A cluster of ${ports.second.length} nodes runs. Ctrl-C ends it. Its files and logs: ${directory}`,
    '',
    ...rows.map(([name, address, what]) =>
      `  ${name.padEnd(names)}  ${address.padEnd(addresses)}  ${what}`.trimEnd(),
    ),
    '',
    'To try in another terminal, in this folder:',
    '',
    ...commands(directory, version).map((command) => (command === '' ? '' : `  ${command}`)),
  ]
}

function commands(directory, version) {
  return [
    `. ${directory}/env`,
    `${NPX} status`,
    '',
    '# A stream, and a message for it',
    'curl -sN -H "Authorization: Bearer $SLUICE_TOKEN" "$GATEWAY/v1/sse?channels=news" &',
    `curl -s -H "Authorization: Bearer $SLUICE_API_KEY" -H 'Content-Type: application/json' ` +
      `-d '{"channel":"news","data":"hello"}' "$SLUICE_API_URL/v1/publish"`,
    '',
    '# A deploy that this client does not notice: what is started again is of version 2',
    `${NPX} tail news &`,
    'echo 2 > $CLUSTER/version',
    `${NPX} drain --version ${version} --over 10s --watch`,
    '',
    '# NATS stands still; messages go over links between the nodes. And back',
    'kill -STOP $(cat $CLUSTER/nats-1.pid)',
    'kill -CONT $(cat $CLUSTER/nats-1.pid)',
  ]
}

function lines(...all) {
  return `${all.join('\n')}\n`
}
