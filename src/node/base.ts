/**
 * What every part of a node uses: who it is, time, the log, metrics, and where faults go. Part of the composition.
 */
import { randomBytes } from 'node:crypto'
import { LoadProbe } from '../admission/load.ts'
import { walled, type Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import { policiesByChannel, type ChannelPolicies } from './policies.ts'
import type { OpenTelemetry, OpenTelemetryOptions } from '../drivers/opentelemetry.ts'
import { asksForSpans } from '../drivers/spans-wanted.ts'
import { ConnectionLog } from '../observe/connection-log.ts'
import { Faults } from '../observe/faults.ts'
import { Health, HEALTH_DEFAULTS } from '../observe/health.ts'
import { createLog, type LogRoot } from '../observe/log.ts'
import { createMetrics, type Metrics } from '../observe/metrics.ts'
import { Mistakes } from '../observe/mistakes.ts'
import { Outages } from '../observe/outages.ts'
import { packageVersion } from '../package-version.ts'
import { Wheel } from '../wheel.ts'

/** Deadlines of sessions and connections are met to this precision. */
const WHEEL_TICK_MS = 100
/** An outage of which nobody tells is over when so many heartbeats have gone well. */
const QUIET_HEARTBEATS = 3

export interface Base {
  readonly config: Config
  readonly id: string
  readonly version: string
  readonly log: LogRoot
  readonly metrics: Metrics
  /** Its timers are walls: what throws in one is caught. */
  readonly clock: Clock
  readonly caught: Faults['caught']
  /** Something failed that a server or another node is to blame for. */
  readonly failed: (what: string, error: unknown) => void
  readonly load: LoadProbe
  readonly health: Health
  readonly mistakes: Mistakes
  readonly outages: Outages
  readonly wheel: Wheel
  /** Absent: nothing is traced. */
  readonly tracing: OpenTelemetry | undefined
  /** The begin and the end of each connection. */
  readonly connectionLog: ConnectionLog
  /** The same object for all channels of a namespace. */
  readonly policies: (channel: string) => ChannelPolicies
  /** After everything that uses it. */
  close(): void
}

/** A node without spans holds nothing of what makes them. */
async function tracingOf(options: OpenTelemetryOptions): Promise<OpenTelemetry | undefined> {
  if (!asksForSpans(options.env)) return undefined
  const { openTelemetry } = await import('../drivers/opentelemetry.ts')
  return openTelemetry(options)
}

export async function createBase(config: Config, time: Clock): Promise<Base> {
  const id = randomBytes(8).toString('hex')
  const { version = packageVersion(), region, role } = config.node
  const log = createLog({ level: config.log.level, pretty: config.log.pretty, bindings: { node: id } })
  const metrics = createMetrics({
    node: { node: id, version, region, role },
    process: true,
    traced: asksForSpans(process.env),
  })
  const faults = new Faults(log, time, metrics.faults)
  const { caught } = faults
  const clock = walled(time, caught)
  const load = new LoadProbe(clock)
  metrics.eventLoopLag.read(() => load.lagMs / 1000)
  const health = new Health(HEALTH_DEFAULTS, { clock, log, lagMs: () => load.lagMs })
  const mistakes = new Mistakes(log, clock)
  const wheel = new Wheel(clock, WHEEL_TICK_MS, caught)
  const outages = new Outages(log, clock, QUIET_HEARTBEATS * config.cluster.heartbeat, (what, error) =>
    caught('task', error, { what }),
  )
  const tracing = await tracingOf({
    env: process.env,
    resource: {
      'service.name': 'sluice',
      'service.version': version,
      'service.instance.id': id,
      'cloud.region': region,
    },
    failed: (error) => outages.failed('sending spans', error),
  })
  const { connections: share, connectionsPerSecond: linesPerSecond } = config.log
  const connectionLog = new ConnectionLog({ share, linesPerSecond }, { log, clock })
  return {
    ...{ config, id, version, log, metrics, clock, caught, load, health, mistakes, outages, wheel },
    tracing,
    connectionLog,
    failed: (what, error) => outages.failed(what, error),
    policies: policiesByChannel(config),
    close() {
      wheel.close()
      connectionLog.close()
      load.close()
      health.close()
      mistakes.close()
      faults.close()
      outages.close()
    },
  }
}
