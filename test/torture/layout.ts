/** The servers of a run as their command lines and configurations: who they are, not how they live. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ConfigInput } from '../../src/config/schema.ts'
import { patientDuration, patientMs } from '../support/patience.ts'
import { GATEWAYS, NATS_SERVERS, REDIS_SERVERS, SENTINELS } from './fault.ts'
import { DURABLE, PRESENCE } from './history.ts'

export const SECRET = 'a-secret-for-tests-of-more-than-32-bytes'
export const API_KEY = 'a-key-for-tests-only'
export const PORT = 8080
export const API_PORT = 8081
export const NATS_PORT = 4222
export const REDIS_PORT = 6379
export const SENTINEL_PORT = 26_379
const ROUTES_PORT = 6222
export const MONITOR_PORT = 8222
const MASTER = 'torture'

const COMMAND = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))
const CLOCK = fileURLToPath(new URL('./moved-clock.mjs', import.meta.url))

export interface Setting {
  readonly directory: string
  /** Where a host is for another one; for itself, where it listens. */
  readonly address: (host: string, seenBy: string) => string
  readonly natsProgram: string
  readonly replicas: number
  readonly sentinels: boolean
}

export function hostsFor(sentinels: boolean): string[] {
  return [...GATEWAYS, ...NATS_SERVERS, ...(sentinels ? [...REDIS_SERVERS, ...SENTINELS] : ['r1'])]
}

export function storeOf({ directory }: Setting, host: string): string {
  return join(directory, `${host}-store`)
}

/** Writes what the server on a host is configured with, once: Redis and Sentinels write into theirs what they learn. */
export function configure(setting: Setting, host: string): void {
  const file = join(setting.directory, `${host}.conf`)
  if (host.startsWith('g')) writeFileSync(file, JSON.stringify(gateway(setting, host)))
  else if (host.startsWith('n')) writeFileSync(file, nats(setting, host).join('\n'))
  else if (host.startsWith('r')) writeFileSync(file, redis(setting, host).join('\n'))
  else writeFileSync(file, sentinel(setting, host).join('\n'))
}

export function commandOf({ directory, natsProgram }: Setting, host: string): string[] {
  const file = join(directory, `${host}.conf`)
  if (host.startsWith('g')) {
    return [process.execPath, '--import', CLOCK, COMMAND, 'serve', '--config', file]
  }
  if (host.startsWith('n')) return [natsProgram, '-c', file]
  return ['redis-server', file, ...(host.startsWith('s') ? ['--sentinel'] : [])]
}

/** The gateway's clock is off by the seconds in this file. */
export function clockFile({ directory }: Setting, host: string): string {
  return join(directory, `${host}-clock`)
}

function gateway({ address, replicas, sentinels }: Setting, host: string): ConfigInput {
  const redisUrls = sentinels
    ? SENTINELS.map((name) => `sentinel://${address(name, host)}:${SENTINEL_PORT}/${MASTER}`)
    : [`redis://${address('r1', host)}:${REDIS_PORT}`]
  return {
    host: address(host, host),
    port: PORT,
    api: { host: address(host, host), port: API_PORT, keys: [`tests:publish+history+admin:${API_KEY}`] },
    auth: { jwtSecret: SECRET },
    // Everybody comes from one address.
    admission: { perAddressPerSecond: 0, maxLoopLag: 0 },
    log: { level: 'info', pretty: false },
    node: { clusterSecret: 'a-cluster-secret-for-tests', address: `${address(host, host)}:${API_PORT}` },
    nats: { url: NATS_SERVERS.map((name) => `nats://${address(name, host)}:${NATS_PORT}`) },
    redis: { url: redisUrls },
    cluster: {
      heartbeat: patientDuration(1000),
      nodeTtl: patientDuration(4000),
      canary: patientDuration(1000),
    },
    heartbeat: {
      ping: '4s',
      idleTimeout: patientDuration(16_000),
      sse: '4s',
      retryMin: '100ms',
      retryMax: '1s',
    },
    feeds: { headCheck: '5s' },
    durable: { replicas },
    drain: { plan: '5s', grace: '5s', deregisterDelay: '2s' },
    // A publisher repeats for as long as the id is remembered.
    namespaces: {
      '*': { clientPublish: 'fanout', ttl: '10m' },
      [DURABLE]: { delivery: 'durable' },
      [PRESENCE]: { presence: true },
    },
  }
}

/** Where the store of a NATS server is one of `storeBytes`. */
export const STORE_BYTES = 64 * 1024 * 1024

function nats(setting: Setting, host: string): string[] {
  const { address } = setting
  const others = NATS_SERVERS.map((name) => `nats://${address(name, host)}:${ROUTES_PORT}`)
  // Nobody is told of addresses that go past what lies between him and the server.
  const routes = `no_advertise: true, routes: [${others.join(', ')}]`
  return [
    `server_name: ${host}`,
    `listen: ${address(host, host)}:${NATS_PORT}`,
    `http: ${address(host, host)}:${MONITOR_PORT}`,
    // A peer that is cut off is noticed within a round.
    'ping_interval: "4s"',
    'ping_max: 2',
    'write_deadline: "3s"',
    `jetstream { store_dir: "${storeOf(setting, host)}", max_mem: 64MB, max_file: 60MB }`,
    `cluster { name: torture, listen: ${address(host, host)}:${ROUTES_PORT}, ${routes} }`,
  ]
}

function redis({ directory, address, sentinels }: Setting, host: string): string[] {
  return [
    `port ${REDIS_PORT}`,
    `bind ${address(host, host)}`,
    'protected-mode no',
    `dir ${directory}`,
    `dbfilename ${host}.rdb`,
    'save ""',
    'appendonly no',
    'repl-diskless-sync-delay 0',
    'repl-timeout 10',
    `replica-announce-ip ${address(host, host)}`,
    ...(sentinels && host !== 'r1' ? [`replicaof ${address('r1', host)} ${REDIS_PORT}`] : []),
    '',
  ]
}

function sentinel({ directory, address }: Setting, host: string): string[] {
  return [
    `port ${SENTINEL_PORT}`,
    `bind ${address(host, host)}`,
    'protected-mode no',
    `dir ${directory}`,
    `sentinel monitor ${MASTER} ${address('r1', host)} ${REDIS_PORT} 2`,
    `sentinel down-after-milliseconds ${MASTER} ${patientMs(2500)}`,
    `sentinel failover-timeout ${MASTER} ${patientMs(6000)}`,
    '',
  ]
}

export const SENTINEL_MASTER = MASTER
