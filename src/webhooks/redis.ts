/**
 * The store of webhooks in Redis. A stream rather than a work queue of JetStream: that something has begun or ended, and that this is to be
 * told, is one step of one script, so that no node that dies in between, and no two that see the same, can tell it never or twice.
 * What is to be told is as safe as what else is in this Redis.
 */
import { readFileSync } from 'node:fs'
import {
  DEAD_MAX,
  ENDS_MAX,
  TENDED_MAX_MS,
  type DeadLetter,
  type End,
  type Entry,
  type Journal,
  type NewNote,
  type Report,
  type WebhookStore,
} from './store.ts'
import type { RedisLink } from '../drivers/redis.ts'
import type { RedisArgument, RedisScript } from '../drivers/redis-port.ts'

export interface RedisWebhookStoreOptions {
  /** So many entries are kept of each journal. */
  readonly backlog: number
  /** In front of every key. Default: `sluice`. */
  readonly keyPrefix?: string
}

const KEY_PREFIX = 'sluice'
/** A node that has gone is taken off in pieces: its script must not hold Redis up. */
const BURIED_AT_ONCE = 500

const SHARED = source('shared')
const [REPORT, TEND, BURY, NOTE, JOURNAL, DEAD] = ['report', 'tend', 'bury', 'note', 'journal', 'dead'].map(
  (name): RedisScript => ({
    name: `sluice_webhooks_${name}`,
    lua: `${SHARED}\n${source(name)}`,
    keyCount: 1,
  }),
) as [RedisScript, RedisScript, RedisScript, RedisScript, RedisScript, RedisScript]

type StreamEntry = readonly [id: Buffer, fields: readonly Buffer[]]

export class RedisWebhookStore implements WebhookStore {
  readonly #link: RedisLink
  readonly #backlog: number
  readonly #base: string

  constructor(link: RedisLink, options: RedisWebhookStoreOptions) {
    this.#link = link
    this.#backlog = options.backlog
    this.#base = `${options.keyPrefix ?? KEY_PREFIX}:{webhooks}`
    for (const one of [REPORT, TEND, BURY, NOTE, JOURNAL, DEAD]) link.define(one)
  }

  async report(node: string, { after, version, changes }: Report): Promise<boolean> {
    const rows = changes.flatMap(({ key, held, graceMs }) => [key, held ? 1 : 0, graceMs])
    return (await this.#run(REPORT, node, after, version, this.#backlog, ...rows)) === 1
  }

  async tend(node: string, version: number): Promise<boolean> {
    return (await this.#run(TEND, node, version, this.#backlog, TENDED_MAX_MS, ENDS_MAX)) === 1
  }

  async nodes(): Promise<readonly string[]> {
    return this.#strings(await this.#run(JOURNAL, 'nodes', 'events'))
  }

  async bury(node: string, graceMs: number): Promise<void> {
    while ((await this.#run(BURY, node, graceMs, BURIED_AT_ONCE)) === 1);
  }

  async note(journal: Journal, notes: readonly NewNote[]): Promise<void> {
    const rows = notes.flatMap(({ text, once }) => [text, once?.name ?? '', once?.forMs ?? 0])
    await this.#run(NOTE, journal, this.#backlog, ...rows)
  }

  async read(journal: Journal, after: string, limit: number): Promise<readonly Entry[]> {
    const from = after === '' ? '-' : `(${after}`
    const entries = (await this.#run(JOURNAL, 'read', journal, from, limit)) as readonly StreamEntry[]
    return entries.map(entryOf)
  }

  async end(journal: Journal): Promise<End> {
    const [place = '', number = '0'] = this.#strings(await this.#run(JOURNAL, 'end', journal))
    return { place, number: Number(number) }
  }

  async cursors(journal: Journal): Promise<ReadonlyMap<string, string>> {
    const flat = this.#strings(await this.#run(JOURNAL, 'cursors', journal))
    const cursors = new Map<string, string>()
    for (let i = 0; i + 1 < flat.length; i += 2) cursors.set(flat[i] as string, flat[i + 1] as string)
    return cursors
  }

  async moveCursor(journal: Journal, reader: string, text: string): Promise<void> {
    await this.#run(JOURNAL, 'cursor', journal, reader, text)
  }

  async trim(journal: Journal, upTo: string): Promise<void> {
    await this.#run(JOURNAL, 'trim', journal, behind(upTo))
  }

  async addDead(text: string): Promise<void> {
    await this.#run(DEAD, 'add', DEAD_MAX, text)
  }

  async dead(limit: number): Promise<readonly DeadLetter[]> {
    const entries = (await this.#run(DEAD, 'list', limit)) as readonly StreamEntry[]
    return entries.map(([id, fields]) => ({ id: String(id), text: String(fields[1]) }))
  }

  async deadCount(): Promise<number> {
    return (await this.#run(DEAD, 'count')) as number
  }

  async takeDead(id: string): Promise<string | undefined> {
    // Anything else is no id of a stream, and an error of Redis.
    if (!/^\d{1,20}-\d{1,20}$/.test(id)) return undefined
    const [found] = (await this.#run(DEAD, 'take', id)) as readonly StreamEntry[]
    return found === undefined ? undefined : String(found[1][1])
  }

  #strings(answer: unknown): string[] {
    return (answer as readonly unknown[]).map(String)
  }

  /** On the bulk lane: who waits for a connect is not held up. */
  #run(what: RedisScript, ...args: readonly RedisArgument[]): Promise<unknown> {
    return this.#link.run('bulk', what, [this.#base, ...args])
  }
}

function entryOf([id, fields]: StreamEntry): Entry {
  const place = String(id)
  const by = new Map<string, string>()
  for (let i = 0; i + 1 < fields.length; i += 2) by.set(String(fields[i]), String(fields[i + 1]))
  const key = by.get('k')
  const what = key === undefined ? { text: by.get('t') ?? '' } : { key, held: by.get('h') === '1' }
  return { place, number: Number(by.get('n')), atMs: Number(place.slice(0, place.indexOf('-'))), what }
}

/** The first place behind one. */
function behind(place: string): string {
  const [ms = '0', count = '0'] = place.split('-')
  return `${ms}-${BigInt(count) + 1n}`
}

function source(name: string): string {
  return readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8')
}
