import { ClientError, type WebSocketClient } from '@sluice/client'
import { Presence, type Member } from '@sluice/client/presence'
import { useEffect, useMemo, useSyncExternalStore } from 'react'
import { useGiven, wake } from './client.ts'
import { complain } from './complain.ts'
import { neverChanges, Store } from './store.ts'

export interface PresenceView<Data = unknown> {
  /** The users in the channel, each with what he says of himself. Another map after each change. */
  readonly members: ReadonlyMap<string, Data | undefined>
  readonly count: number
  /** This client's user as the others see him. */
  readonly me: Member<Data> | undefined
  /** Why the channel, or what was entered, is refused. */
  readonly error: ClientError | undefined
}

export interface PresenceOptions<Data = unknown> {
  /** What this client says of its user: entered when the component is mounted, and updated where it changes (as JSON). */
  readonly data?: Data | undefined
  readonly onJoin?: ((member: Member<Data>) => unknown) | undefined
  readonly onUpdate?: ((member: Member<Data>) => unknown) | undefined
  readonly onLeave?: ((member: Member<Data>) => unknown) | undefined
  /** Without this the console tells of an error. */
  readonly onError?: ((error: ClientError) => unknown) | undefined
  /** Default: that of the provider. */
  readonly client?: WebSocketClient | undefined
}

export interface ChannelPresence<Data = unknown> extends PresenceView<Data> {
  /** Enters the channel and says this of the user; said again on each new connection. */
  readonly enter: (data?: Data) => Promise<void>
  /** As `enter`. */
  readonly update: (data: Data) => Promise<void>
  /** The others do not see this client any more, and it sees them. */
  readonly leave: () => Promise<void>
}

const NOBODY = { members: new Map(), count: 0, me: undefined, error: undefined } as const

type Entry = { readonly data: unknown } | false

class PresenceStore extends Store<PresenceView> {
  /** Of the last render. */
  callbacks: PresenceOptions = {}
  readonly #client: WebSocketClient
  readonly #channel: string
  #presence: Presence | undefined
  /** What was said last; said again where the component is shown again. */
  #entry: Entry | undefined

  constructor(client: WebSocketClient, channel: string) {
    super(NOBODY)
    this.#client = client
    this.#channel = channel
  }

  protected begin(): void {
    try {
      const presence = (this.#presence = new Presence(this.#client, this.#channel))
      presence.on('change', (members) =>
        this.set({ members, count: members.size, me: presence.me, error: undefined }),
      )
      presence.on('join', (member) => this.callbacks.onJoin?.(member))
      presence.on('update', (member) => this.callbacks.onUpdate?.(member))
      presence.on('leave', (member) => this.callbacks.onLeave?.(member))
      presence.on('error', (error) => this.#refused(error))
      if (this.#entry !== undefined) void this.say(this.#entry).catch(() => undefined)
      wake(this.#client)
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      this.#refused(error)
    }
  }

  protected end(): void {
    this.#presence?.close()
    this.#presence = undefined
    this.set(NOBODY)
  }

  /** Kept where the component is not mounted yet. */
  say(entry: Entry): Promise<void> {
    this.#entry = entry
    const presence = this.#presence
    if (presence === undefined) return Promise.resolve()
    return entry === false ? presence.leave() : presence.enter(entry.data)
  }

  #refused(error: ClientError): void {
    this.set({ error })
    complain(`presence of the channel ${this.#channel}`, error, this.callbacks.onError)
  }
}

/** Who is in a channel, while the component is mounted; `undefined` is no channel. Its namespace keeps presence, or it is refused. */
export function usePresence<Data = unknown>(
  channel: string | undefined,
  options: PresenceOptions<Data> = {},
): ChannelPresence<Data> {
  const client = useGiven(options.client)
  const store = useMemo(
    () => (channel === undefined ? undefined : new PresenceStore(client, channel)),
    [client, channel],
  )
  useEffect(() => {
    if (store !== undefined) store.callbacks = options as PresenceOptions
  })
  const { data } = options
  const said = JSON.stringify(data)
  useEffect(() => {
    // The `error` of the view tells of a refusal.
    if (data !== undefined) store?.say({ data }).catch(() => undefined)
    // The same thing said by another object is no change.
  }, [store, said])
  const view = useSyncExternalStore(store?.subscribe ?? neverChanges, store?.view ?? nobody, nobody)
  return useMemo(() => {
    const say = (entry: Entry): Promise<void> =>
      store?.say(entry) ??
      Promise.reject(new ClientError('bad_request', 'there is no channel to be present in'))
    return {
      ...(view as PresenceView<Data>),
      enter: (entered) => say({ data: entered }),
      update: (updated) => say({ data: updated }),
      leave: () => say(false),
    }
  }, [view, store])
}

function nobody(): PresenceView {
  return NOBODY
}
