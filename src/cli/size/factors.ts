/**
 * What sizing reckons with: each factor with how it came about. docs/sizing.md shows this table; `sluice size` uses it.
 */
import { MEASURED } from './measured.ts'

export interface Factor {
  readonly value: number
  readonly unit: string
  readonly what: string
  /** The command that prints it, and what it printed it for; `undefined`: it was not measured. */
  readonly by: string | undefined
}

const CLUSTER = 'npm run bench -- cluster'
const REDIS = 'node --import tsx bench/redis-memory.ts'
const LARGE = 'npm run storm -- large --clients 10000 --plan 500/5s'

export const FACTORS = {
  nodeBaseBytes: {
    ...{ value: MEASURED.nodeBaseBytes, unit: 'B', what: 'a node without clients' },
    by: 'npm run bench -- idle-memory',
  },
  idleBytes: {
    ...{ value: MEASURED.idleBytes, unit: 'B', what: 'a silent WebSocket, in the process' },
    by: 'npm run bench -- idle-memory',
  },
  busyBytes: {
    ...{ value: 11_264, unit: 'B', what: 'a connection under traffic, with the growth of the process' },
    by: LARGE,
  },
  kernelBytes: {
    ...{ value: 2867, unit: 'B', what: 'the kernel for one end of a connection (half of 5.6 KiB for both)' },
    by: LARGE,
  },
  deliveryUs: {
    ...{ value: MEASURED.deliveryUs, unit: 'µs', what: 'CPU of a delivery, messages one at a time' },
    by: `${CLUSTER}: 1000 subscribers, one at a time`,
  },
  deliveryBusyUs: {
    ...{ value: MEASURED.deliveryBusyUs, unit: 'µs', what: 'CPU of a delivery, 16 messages in flight' },
    by: `${CLUSTER}: 1000 subscribers, 16 in flight`,
  },
  publishUs: {
    ...{
      value: Math.round(MEASURED.publishWithTenUs - 10 * MEASURED.deliveryBusyUs),
      unit: 'µs',
      what: `CPU of a publish over HTTP through Redis and NATS (${MEASURED.publishWithTenUs} with ten deliveries)`,
    },
    by: `${CLUSTER}: 10 subscribers`,
  },
  hearUs: {
    ...{ value: 12, unit: 'µs', what: 'CPU of a message from NATS at a node with subscribers' },
    by: 'npm run bench -- hear: to one subscriber, 32 in flight',
  },
  connectUs: {
    ...{
      value: MEASURED.connectUs,
      unit: 'µs',
      what: 'CPU of a connect, token and session with it, of a process that is not warm',
    },
    by: 'npm run bench -- connect-storm',
  },
  redisPublishUs: {
    ...{ value: MEASURED.redisPublishUs, unit: 'µs', what: 'CPU of Redis for a publish' },
    by: `${CLUSTER}: 10 subscribers, redis beside it`,
  },
  natsPublishUs: {
    ...{
      value: MEASURED.natsPublishUs,
      unit: 'µs',
      what: 'CPU of NATS for a publish and one node that hears it',
    },
    by: `${CLUSTER}: 10 subscribers, nats beside it`,
  },
  redisMessageBytes: {
    ...{ value: 70, unit: 'B', what: 'Redis for a logged message, beside its payload' },
    by: REDIS,
  },
  redisSessionBytes: {
    ...{ value: 210, unit: 'B', what: 'Redis for a session' },
    by: REDIS,
  },
} as const satisfies Readonly<Record<string, Factor>>

/** A loop that is busy for longer than this answers late. */
export const BUSY_MAX = 0.6
/** `admission.connectionsPerSecond`, as shipped. */
export const CONNECTS_PER_SECOND = 2000
/** `drain.plan`, as shipped: 5 % every 2 minutes. */
export const DRAIN_STEPS = 20
export const DRAIN_STEP_MIN = 2
/** `max` and `ttl` of a namespace, as shipped. */
export const LOG_MESSAGES_MAX = 1000
export const LOG_TTL_S = 60

/** On demand, Linux, us-east-1; from the public list, as known in January 2025. `--price` says another. */
export const INSTANCE = { name: 'm7g.large (2 vCPU, 8 GiB)', cores: 2, bytes: 8 * 1024 ** 3, perHour: 0.0816 }
export const PRICES_OF = 'January 2025'
