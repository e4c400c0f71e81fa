/**
 * The store of presence in Redis: one hash per channel, which ends by itself where nobody asks for it any more.
 *
 * Nothing is written for a member for as long as he stays. A reader makes the hash live on; each node with subscribers
 * reads it now and then, so that is one EXPIRE for each channel and node, and none for each member.
 */
import { readFileSync } from 'node:fs'
import type { Info } from './info.ts'
import type { PresenceStore, Snapshot, SnapshotPart, StoreWrite } from './store.ts'
import type { RedisLink } from '../drivers/redis.ts'
import type { RedisArgument, RedisScript } from '../drivers/redis-port.ts'
import { SluiceError } from '../errors.ts'

export interface RedisPresenceStoreOptions {
  /** How long a channel that nobody reads or writes is remembered: several times the time between two reads. */
  readonly ttlMs: number
  /** In front of every key. Default: `sluice`. */
  readonly keyPrefix?: string
}

const KEY_PREFIX = 'sluice'

const WRITE = script('write')
const READ = script('read')
const SWEEP = script('sweep')

export class RedisPresenceStore implements PresenceStore {
  readonly #link: RedisLink
  readonly #ttlMs: number
  readonly #prefix: string
  #closed = false

  constructor(link: RedisLink, options: RedisPresenceStoreOptions) {
    this.#link = link
    this.#ttlMs = options.ttlMs
    this.#prefix = options.keyPrefix ?? KEY_PREFIX
    for (const one of [WRITE, READ, SWEEP]) link.define(one)
  }

  async write(channel: string, node: string, write: StoreWrite): Promise<boolean> {
    const { after, version, put, remove } = write
    const entered = [...put].flatMap(([user, info]) => [user, asText(info)])
    const args = [this.#key(channel), this.#ttlMs, node, after, version, put.size, ...entered, ...remove]
    return (await this.#run(WRITE, args)) === 1
  }

  async read(channel: string): Promise<Snapshot> {
    return parts((await this.#run(READ, [this.#key(channel), this.#ttlMs])) as Buffer[])
  }

  async sweep(channel: string, nodes: readonly string[]): Promise<void> {
    await this.#run(SWEEP, [this.#key(channel), ...nodes])
  }

  healthy(): boolean {
    return !this.#closed && this.#link.healthy()
  }

  /** The link is not the store's alone, and stays open. */
  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  /** On the bulk lane: a channel of ten thousand must not delay a connect. */
  #run(what: RedisScript, args: readonly RedisArgument[]): Promise<unknown> {
    if (this.#closed) {
      return Promise.reject(new SluiceError('unavailable', 'the store of presence has been closed'))
    }
    return this.#link.run('bulk', what, args)
  }

  #key(channel: string): string {
    return `${this.#prefix}:presence:{${channel}}`
  }
}

/** `fields`: field, value, field, value, … as write.lua describes them. */
function parts(fields: readonly Buffer[]): Snapshot {
  const found = new Map<string, SnapshotPart & { readonly users: Map<string, Info | undefined> }>()
  const members: { name: string; value: string }[] = []
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [name, value] = [String(fields[i]), String(fields[i + 1])]
    if (name.includes(' ')) members.push({ name, value })
    else found.set(name, { version: Number.parseInt(value, 10), users: new Map() })
  }
  for (const { name, value } of members) {
    const space = name.indexOf(' ')
    found.get(name.slice(0, space))?.users.set(name.slice(space + 1), asInfo(value))
  }
  return found
}

function asText(info: Info | undefined): string {
  if (info === undefined) return ''
  return info.json === undefined ? `${info.at}` : `${info.at} ${info.json}`
}

/** Nodes of an older version put nothing there. */
function asInfo(value: string): Info | undefined {
  const space = value.indexOf(' ')
  const at = Number(space === -1 ? value : value.slice(0, space))
  if (value === '' || !Number.isSafeInteger(at)) return undefined
  return { at, json: space === -1 ? undefined : value.slice(space + 1) }
}

function script(name: string): RedisScript {
  const lua = readFileSync(new URL(`scripts/${name}.lua`, import.meta.url), 'utf8')
  return { name: `sluice_presence_${name}`, lua, keyCount: 1 }
}
