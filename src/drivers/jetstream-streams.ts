/**
 * Streams as JetStream knows them: how one is described, made and looked at.
 */
import { randomBytes } from 'node:crypto'
import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
  type StreamInfo,
} from '@nats-io/jetstream'
import type { StreamSpec, StreamState } from './jetstream-port.ts'

const NS_PER_MS = 1_000_000
const IDEMPOTENCY_MIN_MS = 100
/** What of a stream's metadata is its epoch. */
const EPOCH = 'sluice-epoch'
/** As cursors take it. */
const EPOCH_FORM = /^[0-9a-z]{1,32}$/

export function configOf(spec: StreamSpec): Partial<StreamConfig> & { name: string } {
  const idempotencyMs = Math.max(Math.min(spec.idempotencyMs, spec.maxAgeMs), IDEMPOTENCY_MIN_MS)
  const src = `${spec.subjectPrefix}.>`
  return {
    name: spec.name,
    subjects: [src],
    discard: spec.bucket === true ? DiscardPolicy.New : DiscardPolicy.Old,
    deny_delete: spec.bucket === true,
    allow_rollup_hdrs: spec.bucket === true,
    storage: spec.storage === 'file' ? StorageType.File : StorageType.Memory,
    num_replicas: spec.replicas,
    max_age: spec.maxAgeMs * NS_PER_MS,
    max_bytes: spec.maxBytes ?? -1,
    max_msgs_per_subject: spec.maxPerSubject ?? -1,
    // What may be published is decided at the doors.
    max_msg_size: -1,
    duplicate_window: idempotencyMs * NS_PER_MS,
    allow_direct: true,
    ...(spec.republishPrefix === undefined ? {} : { republish: { src, dest: `${spec.republishPrefix}.>` } }),
  }
}

export async function infoOf(streams: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await streams.streams.info(name)
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)
      return undefined
    throw error
  }
}

/** Where two create it at once, the server refuses one of them, and the stream is there. */
export async function created(
  streams: JetStreamManager,
  wanted: ReturnType<typeof configOf>,
): Promise<StreamInfo> {
  try {
    return await streams.streams.add(wanted)
  } catch (error) {
    const others = error instanceof JetStreamApiError ? await infoOf(streams, wanted.name) : undefined
    if (others === undefined) throw error
    return others
  }
}

/** The metadata of a stream that is made now. */
export function freshEpoch(): Record<string, string> {
  return { [EPOCH]: randomBytes(5).toString('hex') }
}

/**
 * The metadata that a stream lacks which was made where there was none: with the epoch that it has had until now.
 * `undefined`: it has one.
 */
export function missingEpoch(info: StreamInfo): Record<string, string> | undefined {
  if (statedEpoch(info) !== undefined) return undefined
  return { ...info.config.metadata, [EPOCH]: epochOf(info) }
}

/**
 * It is in the configuration, on which all servers of a cluster agree. The moment when the stream was made is not: each
 * server may have one of its own, and after all of them were killed the next leader told another. So it counts only where
 * servers keep no metadata.
 */
function epochOf(info: StreamInfo): string {
  return statedEpoch(info) ?? Date.parse(info.created).toString(36)
}

function statedEpoch({ config }: StreamInfo): string | undefined {
  const epoch = config.metadata?.[EPOCH]
  return epoch !== undefined && EPOCH_FORM.test(epoch) ? epoch : undefined
}

export function stateOf(info: StreamInfo): StreamState {
  const { state } = info
  return {
    epoch: epochOf(info),
    // A stream that never had an entry says 0 for both.
    firstSequence: Math.max(state.first_seq, 1),
    lastSequence: state.last_seq,
  }
}

export function same(left: unknown, right: unknown): boolean {
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) {
    return left === right
  }
  const keys = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...keys].every((key) => same(Reflect.get(left, key), Reflect.get(right, key)))
}
