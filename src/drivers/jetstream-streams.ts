/**
 * Streams as JetStream knows them: how one is described, made and looked at.
 */
import { setTimeout as delay } from 'node:timers/promises'
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
const SETTLE_MS = 100
const SETTLE_TRIES = 10

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

/**
 * Each server of a cluster that has just made a stream has a time of creation of its own, until it hears the common one.
 * Twice the same is taken for that.
 */
export async function settled(streams: JetStreamManager, name: string): Promise<StreamInfo> {
  let info = await streams.streams.info(name)
  for (let tries = 0; tries < SETTLE_TRIES; tries++) {
    await delay(SETTLE_MS)
    const next = await streams.streams.info(name)
    if (next.created === info.created) return next
    info = next
  }
  return info
}

export function stateOf({ created: createdAt, state }: StreamInfo): StreamState {
  return {
    createdMs: Date.parse(createdAt),
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
