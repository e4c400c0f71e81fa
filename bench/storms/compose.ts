/**
 * deploy/compose.yaml started for real, without a container engine: each service with the network, the address, the name, the files, the command, the
 * user, the capabilities and the health check that the file or its image gives it, by the programs of this machine (`parts/containers.ts`). A message goes
 * through HAProxy, the primary of Redis dies, a node is drained. What it cannot show: the images themselves, limits of open files, and Grafana, which
 * Debian does not have.
 *
 *   npm run storm -- compose
 */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { Containers, type Container, type User } from './parts/containers.ts'
import { pause } from './parts/in-traffic.ts'
import { Promises, type StormOptions } from './parts/report.ts'
import { mintToken } from '../../src/auth/tokens.ts'
import { systemClock } from '../../src/clock.ts'
import { newerNats } from '../../test/support/nats-server.ts'
import { temporaryDirectory } from '../../test/support/server-process.ts'

interface Service {
  readonly image: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly user?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly tmpfs?: readonly string[]
  readonly sysctls?: Readonly<Record<string, string | number>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly networks: readonly string[] | Readonly<Record<string, { readonly ipv4_address: string }>>
}

const FILE = fileURLToPath(new URL('../../deploy/compose.yaml', import.meta.url))
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DNS = fileURLToPath(new URL('parts/names.mjs', import.meta.url))
const KEY = randomBytes(16).toString('hex')
const JWT_SECRET = randomBytes(32).toString('hex')
const SECRETS: Readonly<Record<string, string>> = {
  SLUICE_CLUSTER_SECRET: randomBytes(32).toString('hex'),
  SLUICE_JWT_SECRET: JWT_SECRET,
  SLUICE_API_KEYS: `ops:publish+history+admin:${KEY}`,
}
/** Three replicas take one that is newer than Debian's. */
const NATS = newerNats().program
interface Image {
  /** What it begins with. */
  readonly program: readonly string[]
  /** What it does where the file says nothing. */
  readonly args?: readonly string[]
  /** Whose its process is where the file says nothing. */
  readonly user: User
  /** Others that it knows by name. */
  readonly users?: Readonly<Record<string, User>>
  readonly health?: readonly string[]
}

const SUPERUSER: User = { uid: 0, gid: 0 }
/** As the Dockerfiles of these images have it. */
const IMAGES: Readonly<Record<string, Image>> = {
  sluice: {
    program: ['node', '/app/bin/sluice.js'],
    user: { uid: 10_001, gid: 10_001 },
    health: ['node', '/app/bin/livez.js'],
  },
  nats: { program: [NATS], user: SUPERUSER },
  redis: { program: [], user: SUPERUSER, users: { redis: { uid: 999, gid: 1000 } } },
  haproxy: {
    // The engine's own server of names is there as well.
    program: ['sh', '-c', `node ${DNS} & exec haproxy -W -db -f /usr/local/etc/haproxy/haproxy.cfg`],
    user: { uid: 99, gid: 99 },
  },
  prometheus: {
    program: ['prometheus'],
    args: ['--config.file=/etc/prometheus/prometheus.yml', '--storage.tsdb.path=/prometheus'],
    user: { uid: 65_534, gid: 65_534 },
  },
}
/** That HAProxy has open beside its connections. */
const FILES_BESIDE = 200
const WITHIN_MS = 90_000
const LOOK_MS = 500

export async function compose(_options: StormOptions): Promise<boolean> {
  const folder = temporaryDirectory('composed').path
  const all = containersOf(folder)
  const containers = new Containers(folder, all)
  const promises = new Promises()
  let isGood = true
  const curl = (...args: readonly string[]): string => {
    try {
      return containers.exec('haproxy', 'curl', '--silent', '--max-time', '3', ...args)
    } catch {
      // Nobody answers yet; who asks looks again.
      return ''
    }
  }
  const at = (name: string, path: string): string =>
    `http://${all.find((one) => one.name === name)?.address}:${name === 'prometheus' ? 9090 : 8081}${path}`
  const comes = async (what: string, look: () => boolean): Promise<void> => {
    const startedMs = performance.now()
    while (!look() && performance.now() - startedMs < WITHIN_MS) await pause(LOOK_MS)
    const took = ((performance.now() - startedMs) / 1000).toFixed(1)
    const isThere = look()
    console.log(`${what}: ${isThere ? `after ${took} s` : 'never'}`)
    promises.keep(what, isThere, 'never')
    isGood &&= isThere
  }
  const publish = (node: string, data: string): boolean =>
    curl(
      ...['--header', `authorization: Bearer ${KEY}`, '--header', 'content-type: application/json'],
      ...['--data', JSON.stringify({ channel: 'news', data }), at(node, '/v1/publish')],
    ).includes('"offset"')
  try {
    for (const { name } of all) containers.start(name)
    for (const node of ['node-1', 'node-2', 'node-3'])
      await comes(`${node} is ready`, () =>
        curl(at(node, '/readyz'), '--write-out', '%{http_code}').endsWith('200'),
      )
    const claims = { sub: 'alice', subscribe: ['*'], publish: ['*'] }
    const token = await mintToken({ ...claims, secret: JWT_SECRET }, systemClock)
    const poll = (): string => curl(`http://127.0.0.1:8080/v1/poll?channels=news&wait=0&token=${token}`)
    await comes('a client comes in by HAProxy', () => poll().includes('"cursor"'))
    await comes('a publish at one node is taken', () => publish('node-2', 'hello'))
    await comes('Prometheus sees three nodes', () =>
      /"value":\[[\d.]+,"3"\]/.test(curl(at('prometheus', '/api/v1/query?query=sum(up)'))),
    )
    for (const { name, user } of all) {
      await comes(`${name} is well, says its health check`, () => containers.isWell(name))
      const { uid, capabilities } = containers.standing(name)
      promises.keep(`${name} is its user's`, uid === user.uid, `uid ${uid}`)
      promises.keep(`${name} may do nothing special`, /^0+$/.test(capabilities), capabilities)
    }
    containers.signal('redis-1', 'SIGKILL')
    await comes('the health check of redis-1 says that it is gone', () => !containers.isWell('redis-1'))
    await comes('a publish is taken after the primary of Redis has died', () => publish('node-3', 'again'))
    await comes('the one that was promoted has it in its file', () =>
      containers.output('redis-2').includes('CONFIG REWRITE executed with success'),
    )
    containers.start('redis-1')
    await comes('the one that died follows it when it is back', () =>
      containers.exec('redis-2', 'redis-cli', 'info', 'replication').includes('slave0:ip=172.30.0.11'),
    )
    containers.signal('node-1', 'SIGTERM')
    await comes('node-1 has drained and ended', () => !containers.runs('node-1'))
    await comes('the others go on', () => publish('node-2', 'on'))
  } finally {
    if (!isGood) for (const { name } of all) console.log(`${name}: ${containers.output(name).slice(-600)}`)
    containers.close()
  }
  return promises.verdict()
}

function containersOf(folder: string): Container[] {
  const { services } = parse(readFileSync(FILE, 'utf8'), { merge: true }) as {
    readonly services: Readonly<Record<string, Service>>
  }
  let next = 100
  return Object.entries(services).flatMap(([name, service]): Container[] => {
    const kind = /(?:^|\/)(\w+)(?::|$)/.exec(service.image)?.[1] as string
    const image = IMAGES[kind]
    if (image === undefined) {
      console.log(`${name} is left out: there is no ${kind} on this machine`)
      return []
    }
    const fixed = Object.values(service.networks).flatMap(
      (one: string | { readonly ipv4_address: string }) =>
        typeof one === 'string' ? [] : [one.ipv4_address],
    )
    const mounts = (service.volumes ?? []).map((text): [string, string | undefined] => {
      const [from = '', to = ''] = text.split(':')
      return [to, from.startsWith('.') ? fitting(join(dirname(FILE), from), folder) : undefined]
    })
    const environment = Object.entries(service.environment ?? {}).map(([key, value]): [string, string] => [
      key,
      SECRETS[/^\$\{(\w+)/.exec(value)?.[1] ?? ''] ?? value,
    ])
    return [
      {
        name,
        address: fixed[0] ?? `172.30.0.${next++}`,
        command: [...image.program, ...(service.command ?? image.args ?? [])],
        environment: Object.fromEntries(environment),
        mounts: {
          ...Object.fromEntries(mounts),
          [dirname(NATS)]: dirname(NATS),
          [dirname(process.execPath)]: dirname(process.execPath),
          '/app': ROOT,
        },
        tmpfs: (service.tmpfs ?? []).map((text) => text.split(':')[0] as string),
        sysctls: service.sysctls ?? {},
        user: service.user === undefined ? image.user : userOf(service.user, image),
        isReadOnly: service.read_only === true,
        isConfined: service.cap_drop?.includes('ALL') === true,
        health: service.healthcheck?.test.slice(1) ?? image.health ?? ['false'],
      },
    ]
  })
}

function userOf(name: string, { users = {} }: Image): User {
  const found = users[name]
  if (found === undefined) throw new Error(`the image has no user ${name}`)
  return found
}

/** Where this machine allows fewer open files than HAProxy's `maxconn` takes, and compose would raise that: a copy with what it allows. */
function fitting(file: string, folder: string): string {
  const [, limit] = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
  if (!file.endsWith('haproxy.cfg')) return file
  const text = readFileSync(file, 'utf8')
  const wanted = Number(/maxconn (\d+)/.exec(text)?.[1])
  const most = Math.floor(Number(limit) / 2) - FILES_BESIDE
  if (!(most < wanted)) return file
  console.log(`maxconn of HAProxy is ${most} here, not ${wanted}: this machine allows ${limit} open files`)
  const copy = join(folder, 'haproxy.cfg')
  writeFileSync(copy, text.replace(/maxconn \d+/, `maxconn ${most}`))
  return copy
}
