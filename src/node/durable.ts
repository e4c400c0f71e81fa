/**
 * What durable channels need: their stream, and the bucket of acknowledgements. Part of the composition.
 */
import type { AckStore } from '../acks/ack-store.ts'
import { JetStreamAckStore } from '../acks/jetstream.ts'
import type { Republished } from '../backbone/nats.ts'
import type { Clock } from '../clock.ts'
import type { Config, NamespacePolicy } from '../config/schema.ts'
import { JetStream } from '../drivers/jetstream.ts'
import { decodeRepublished } from '../drivers/nats-republished.ts'
import type { NatsLink } from '../drivers/nats.ts'
import type { Lack, Trouble } from '../drivers/stream-trouble.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Outages } from '../observe/outages.ts'
import { namespaceOf } from '../protocol/channel.ts'
import { JetStreamReplayLog } from '../replay/jetstream.ts'
import type { ReplayLog } from '../replay/replay-log.ts'

export interface DurableParts {
  readonly log: ReplayLog
  readonly acks: AckStore
  readonly republished: Republished
  /** What is wrong with them, where NATS can be reached; `undefined`: nothing. */
  trouble(): string | undefined
  /** Fails with what is wrong with the streams, or `unavailable`. */
  ready(): Promise<void>
}

export interface DurablePorts {
  readonly clock: Clock
  readonly outages: Outages
  readonly metrics: Pick<Metrics, 'durableTrouble'>
  /** The log may have more than anybody here has heard of. */
  logReturned(): void
}

const LACKS = ['resources', 'absent', 'silent', 'refused'] as const satisfies readonly Lack[]
/** In the log. */
const PART = 'JetStream'

/** Only where a namespace asks for it: a NATS server without JetStream will do otherwise. */
export function durableParts(config: Config, nats: NatsLink, ports: DurablePorts): DurableParts | undefined {
  // A node for development that is alone keeps them in its memory, as it keeps everything.
  if (config.nats.url.length === 0) return undefined
  const policies = Object.values(config.namespaces).filter(({ delivery }) => delivery === 'durable')
  if (policies.length === 0) return undefined
  const { clock } = ports
  const { maxAge, maxBytes, replicas, storage } = config.durable
  const js = new JetStream(nats)
  const troubles = new Troubles(ports)
  const log = new JetStreamReplayLog(js, clock, {
    maxAgeMs: maxAge,
    ...(maxBytes === 0 ? {} : { maxBytes }),
    replicas,
    storage,
    idempotencyMs: Math.max(...policies.map(({ idempotency }) => idempotency)),
    returned: () => ports.logReturned(),
    troubled: (trouble) => troubles.told('messages', trouble),
  })
  const acks = new JetStreamAckStore(js, clock, {
    logMaxAgeMs: maxAge,
    replicas,
    storage,
    troubled: (trouble) => troubles.told('acknowledgements', trouble),
  })
  const policyOf = (channel: string): NamespacePolicy =>
    config.namespaces[namespaceOf(channel)] ?? config.namespaces['*']
  return {
    log,
    acks,
    republished: {
      applies: (channel) => policyOf(channel).delivery === 'durable',
      decode: (channel, stored, headers) =>
        log.epoch === undefined ? undefined : decodeRepublished(channel, stored, headers, log.epoch),
    },
    trouble: () => troubles.reason,
    async ready() {
      await log.ready()
      await acks.ready()
    },
  }
}

/** Told once for both streams, since what one lacks the other lacks as well. */
class Troubles {
  readonly #ports: DurablePorts
  readonly #now = new Map<string, Trouble>()

  constructor(ports: DurablePorts) {
    this.#ports = ports
    for (const lack of LACKS) {
      ports.metrics.durableTrouble[lack].read(() => (this.#values.some((one) => one.lack === lack) ? 1 : 0))
    }
  }

  get reason(): string | undefined {
    return this.#values[0]?.reason
  }

  told(stream: string, trouble: Trouble | undefined): void {
    const before = this.#now.size
    if (trouble === undefined) this.#now.delete(stream)
    else this.#now.set(stream, trouble)
    if (trouble !== undefined) this.#ports.outages.away(PART, trouble.reason)
    else if (before > 0 && this.#now.size === 0) this.#ports.outages.back(PART)
  }

  get #values(): readonly Trouble[] {
    return [...this.#now.values()]
  }
}
