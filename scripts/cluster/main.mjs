/**
 * A cluster on this machine, as it is deployed: NATS, Redis, HAProxy and nodes of `sluice serve`, each a process. It listens on
 * loopback only, has secrets of its own, and leaves nothing behind when it ends.
 *
 *   npm run cluster
 *   npm run cluster -- --nodes 5 --nats 3 --port 9000
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as layout from './layout.mjs'
import { choosePorts, ENVIRONMENT, howToInstall, isInstalled, listens } from './machine.mjs'
import { fail, readOptions } from './options.mjs'
import { Supervised } from './supervised.mjs'

const COMMAND = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))
const FIRST_VERSION = '1'
const TOKEN_SECONDS = 86_400

const options = readOptions()
for (const program of ['nats-server', 'redis-server']) {
  if (!isInstalled(program)) fail(`${program} is missing: ${howToInstall(program)}`)
}
const balanced = isInstalled('haproxy')
if (!balanced) console.log(`haproxy is missing, so there is no balancer: ${howToInstall('haproxy')}`)
const ports = await choosePorts(options)
const directory = mkdtempSync(join(tmpdir(), 'sluice-cluster-'))
const secrets = {
  apiKey: randomBytes(24).toString('base64url'),
  jwtSecret: randomBytes(48).toString('base64url'),
  clusterSecret: randomBytes(32).toString('base64url'),
}
/** In the order in which they start; they end in the other one. */
const nodes = []
const servers = []
let told = false
let stop
const stopped = new Promise((resolve) => (stop = resolve))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => onSignal(signal))
// Whatever ends us: nobody stays.
process.on('exit', () => [...nodes, ...servers].forEach((part) => part.kill()))

let failure
try {
  for (const start of [startServers, startNodes, startBalancer, writeEnvironment]) if (!told) await start()
  if (!told) console.log(layout.welcome(ports, directory, { balanced, version: FIRST_VERSION }).join('\n'))
  await stopped
} catch (error) {
  failure = error
} finally {
  await endAll()
}
if (failure !== undefined) fail(failure.message)

function write(name, text) {
  const file = join(directory, name)
  writeFileSync(file, text, { mode: 0o600 })
  return file
}

function run(list, name, command, serves) {
  const part = new Supervised(name, {
    command,
    isReady: serves,
    directory,
    tell: (line) => console.log(line),
  })
  list.push(part)
  return part.start()
}

function runServer(name, port, program, args) {
  const command = () => ({ program, args, env: ENVIRONMENT })
  return run(servers, name, command, () => listens(port))
}

async function startServers() {
  const redis = write('redis.conf', layout.redisFile(ports, directory))
  await Promise.all([
    runServer('redis', ports.redis, 'redis-server', [redis]),
    ...ports.nats.map((port, index) => {
      const file = write(`nats-${index + 1}.conf`, layout.natsFile(index, ports, directory))
      return runServer(`nats-${index + 1}`, port, 'nats-server', ['-c', file])
    }),
  ])
}

async function startNodes() {
  write('version', `${FIRST_VERSION}\n`)
  await Promise.all(
    ports.second.map((port, index) => {
      const settings = layout.nodeFile(index, ports, { balanced, origins: options.origins, secrets })
      const file = write(`node-${index + 1}.json`, `${JSON.stringify(settings, null, 2)}\n`)
      const command = () => ({
        program: process.execPath,
        args: [COMMAND, 'serve', '--config', file],
        env: { ...ENVIRONMENT, SLUICE_VERSION: readFileSync(join(directory, 'version'), 'utf8').trim() },
      })
      return run(nodes, `node-${index + 1}`, command, () => isReady(port))
    }),
  )
}

async function startBalancer() {
  if (!balanced) return
  const file = write('haproxy.cfg', layout.haproxyFile(ports))
  await runServer('haproxy', ports.balancer, 'haproxy', ['-db', '-f', file])
}

async function writeEnvironment() {
  const { mintToken } = await import('../../dist/auth/tokens.js')
  const { systemClock } = await import('../../dist/clock.js')
  const claims = { sub: 'alice', subscribe: ['*'], publish: ['*'], ttlSeconds: TOKEN_SECONDS }
  const token = await mintToken({ ...claims, secret: secrets.jwtSecret }, systemClock)
  write('env', layout.environmentFile(ports, directory, { balanced, secrets, token }))
}

async function isReady(port) {
  if (!(await listens(port))) return false
  const { status } = await fetch(`http://${layout.HOST}:${port}/readyz`)
  return status === 200
}

/** Each signal reaches each node: a second one ends it at once. The servers stay until the nodes have gone. */
function onSignal(signal) {
  const gently = signal === 'SIGTERM'
  if (!told) console.log(gently ? 'ending: clients are closed bit by bit first' : 'ending')
  told = true
  for (const node of nodes) node.signal(gently ? signal : 'SIGINT')
  stop()
}

async function endAll() {
  // Where the start has failed nobody has told them yet.
  if (!told) for (const node of nodes) node.signal('SIGINT')
  await Promise.all(nodes.map((node) => node.ended()))
  for (const server of servers) server.signal('SIGTERM')
  await Promise.all(servers.map((server) => server.ended()))
  rmSync(directory, { recursive: true, force: true })
}
