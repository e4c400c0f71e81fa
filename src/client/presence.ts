/**
 * `@sluice/client/presence`: who is on a channel, kept up to date, and what this client says there of its user. A part of its own, so
 * that a page without presence does not load it.
 */
import type { JoinFrame, PresenceReplyFrame } from '../dialect/sluice-v1/frames.ts'
import type { Subscription } from './channel.ts'
import { ClientError } from './errors.ts'

/** What is needed of a client: any of this package will do. */
export interface PresenceClient {
  readonly state: string
  /** Of the token; `undefined` before the first connection. */
  readonly user: string | undefined
  subscribe(
    channel: string,
    handler: () => void,
    options: { onError: (error: ClientError) => void },
  ): Subscription
  on(event: 'join' | 'leave' | 'update', listener: (frame: JoinFrame) => void): () => void
  on(event: 'welcome', listener: () => void): () => void
  ask(request: { readonly type: 'presence' | 'enter' | 'leave'; readonly channel: string }): Promise<unknown>
}

export interface Member<Data = unknown> {
  readonly user: string
  /** What the user says of himself; not checked against `Data`. */
  readonly data: Data | undefined
}

export interface PresenceEvents<Data = unknown> {
  join: Member<Data>
  update: Member<Data>
  leave: Member<Data>
  /** The members are others than before, or say something else. */
  change: ReadonlyMap<string, Data | undefined>
  /** What is entered was refused for good, or the channel may not be subscribed to. */
  error: ClientError
}

/** A refusal that passes, and a list that is not what the gateway counts: again after one to two times this. */
const AGAIN_MS = 1000

/** Whoever is subscribed is in the channel; `enter` says something beside. Call `close` when it is not needed any more. */
export class Presence<Data = unknown> {
  readonly channel: string
  readonly #client: PresenceClient
  readonly #subscription: Subscription
  readonly #stops: (() => void)[]
  readonly #listeners = new Map<string, Set<(value: never) => void>>()
  /** A new one after each change: whoever compares sees it. */
  #members: ReadonlyMap<string, Data | undefined> = new Map()
  /** As whom the client is there: said again on each connection. `false`: not at all; `undefined`: as its user. */
  #entry: { readonly data: Data | undefined; at?: number } | false | undefined
  #answered: { readonly resolve: () => void; readonly reject: (error: ClientError) => void } | undefined
  #again: ReturnType<typeof setTimeout> | undefined
  /** For each list that was asked for, what was told since: it may be older than that. */
  readonly #reads = new Set<JoinFrame[]>()
  #closed = false

  constructor(client: PresenceClient, channel: string) {
    this.#client = client
    this.channel = channel
    this.#subscription = client.subscribe(channel, () => undefined, {
      onError: (error) => this.#emit('error', error),
    })
    this.#stops = [
      client.on('welcome', () => void this.#begin()),
      ...(['join', 'update', 'leave'] as const).map((type) => client.on(type, (frame) => this.#told(frame))),
    ]
    if (client.state === 'connected') void this.#begin()
  }

  /** The users in the channel, each with what he says of himself. Another map after each change. */
  get members(): ReadonlyMap<string, Data | undefined> {
    return this.#members
  }

  get count(): number {
    return this.#members.size
  }

  /** This client's user as the others see him; `undefined`: he is not there, or that is not known yet. */
  get me(): Member<Data> | undefined {
    const { user } = this.#client
    return user !== undefined && this.#members.has(user) ? { user, data: this.#members.get(user) } : undefined
  }

  /** Calls the listener at each event; the answer stops that. */
  on<Event extends keyof PresenceEvents>(
    event: Event,
    listener: (value: PresenceEvents<Data>[Event]) => void,
  ): () => void {
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners.add(listener as (value: never) => void))
    return () => void listeners.delete(listener as (value: never) => void)
  }

  /**
   * Enters the channel, where the client has left it, and says this of its user: JSON of at most `limits.presenceData` (1 KiB). Said again
   * on each new connection. Resolves when the gateway has it; rejects with a `ClientError` where it refuses, or where something else
   * was said meanwhile.
   */
  enter(data?: Data): Promise<void> {
    return this.#say({ data })
  }

  /** As `enter`. */
  update(data: Data): Promise<void> {
    return this.#say({ data })
  }

  /** The others do not see this client any more, and it sees them. */
  leave(): Promise<void> {
    return this.#say(false)
  }

  /** Nothing is heard any more, and the channel is left where nobody else of the application is subscribed to it. Idempotent. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#again)
    for (const stop of this.#stops) stop()
    this.#listeners.clear()
    this.#answered?.reject(new ClientError('closed', `${this.channel}: presence was closed`))
    this.#subscription.unsubscribe()
  }

  #say(entry: { readonly data: Data | undefined } | false): Promise<void> {
    this.#entry = entry
    this.#answered?.reject(new ClientError('closed', `${this.channel}: something else was said meanwhile`))
    const answered = new Promise<void>((resolve, reject) => (this.#answered = { resolve, reject }))
    // Not everybody waits for it; the `error` event tells of a refusal too.
    answered.catch(() => undefined)
    void this.#enter()
    return answered
  }

  /** On a connection that has just begun to serve. */
  async #begin(): Promise<void> {
    if (await this.#enter()) await this.#read()
  }

  /** Answers whether it is worth going on. */
  async #enter(): Promise<boolean> {
    const entry = this.#entry
    if (this.#closed) return false
    if (entry === undefined) return true
    try {
      const { channel } = this
      const request =
        entry === false ? { type: 'leave' as const, channel } : { type: 'enter' as const, channel, ...entry }
      const { at } = (await this.#client.ask(request)) as { readonly at?: number }
      if (entry !== this.#entry) return true
      if (entry !== false && at !== undefined) entry.at = at
      this.#answered?.resolve()
      this.#answered = undefined
      return true
    } catch (error) {
      if (entry === this.#entry) this.#failed(error as ClientError, true)
      return false
    }
  }

  async #read(): Promise<void> {
    const told: JoinFrame[] = []
    this.#reads.add(told)
    try {
      const { users, data = {} } = (await this.#client.ask({
        ...{ type: 'presence', channel: this.channel },
      })) as PresenceReplyFrame
      const said = new Map(Object.entries(data))
      const members = new Map(users.map((user) => [user, said.get(user) as Data | undefined]))
      // One answer of a poll may bring the list and what came behind it.
      for (const frame of told) changeBy(members, frame)
      this.#set(members)
    } catch (error) {
      this.#failed(error as ClientError, false)
    } finally {
      this.#reads.delete(told)
    }
  }

  #failed(error: ClientError, entering: boolean): void {
    if (this.#closed || this.#client.state !== 'connected') return
    // Not subscribed yet: the client goes on trying.
    if (error.retryable || error.code === 'not_found' || error.code === 'timeout') {
      this.#later()
      return
    }
    if (entering) {
      this.#answered?.reject(error)
      this.#answered = undefined
    }
    this.#emit('error', error)
  }

  #later(): void {
    this.#again ??= setTimeout(
      () => {
        this.#again = undefined
        void this.#begin()
      },
      AGAIN_MS * (1 + Math.random()),
    )
  }

  #told(frame: JoinFrame): void {
    const { type, channel, user, data, count } = frame
    if (channel !== this.channel) return
    for (const told of this.#reads) told.push(frame)
    const members = new Map(this.#members)
    changeBy(members, frame)
    this.#emit(type, { user, data: data as Data | undefined })
    this.#set(members)
    // Some were missed, by a client that was behind: whoever counts others asks again.
    if (count !== undefined && count !== members.size) this.#later()
  }

  #set(members: ReadonlyMap<string, Data | undefined>): void {
    if (this.#closed) return
    this.#members = members
    this.#emit('change', members)
  }

  #emit<Event extends keyof PresenceEvents>(event: Event, value: PresenceEvents<Data>[Event]): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(value as never)
  }
}

function changeBy<Data>(members: Map<string, Data | undefined>, { type, user, data }: JoinFrame): void {
  if (type === 'leave') members.delete(user)
  else members.set(user, data as Data | undefined)
}
