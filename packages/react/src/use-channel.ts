import type {
  ChannelIn,
  DataOn,
  From,
  Handler,
  Published,
  PublishOptions,
  Subscription,
  SubscribeOptions,
  Unmapped,
  WebSocketClient,
} from '@sluice/client'
import { ClientError } from '@sluice/client'
import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react'
import {
  ChannelStore,
  unmounted,
  type ChannelCallbacks,
  type ChannelStoreOptions,
  type ChannelView,
} from './channel-store.ts'
import { useGiven, wake } from './client.ts'
import { neverChanges } from './store.ts'

export interface ChannelOptions<Data = unknown, Known = unknown> extends ChannelCallbacks<Data> {
  /**
   * Where to start: with the last `last` messages, or after a position. Default: with what comes next. Read when the channel is subscribed
   * to; each component has its own start. With `last`, a reset begins anew with the last ones.
   */
  readonly from?: From | undefined
  /** The messages that are this event alone. */
  readonly event?: string | undefined
  /** So many of the newest messages are kept. Default: 100. With 0 none is, and no message renders anything: use `onMessage`. */
  readonly limit?: number | undefined
  /** Default: that of the provider. */
  readonly client?: WebSocketClient<Known> | undefined
}

export interface Channel<Data = unknown> extends ChannelView<Data> {
  /** As of the client: resolves when the gateway has it, and is repeated after a reconnect until then. */
  readonly publish: (data: Data, options?: PublishOptions) => Promise<Published>
}

/** `Known`: what is published on which channels, where no client is given that says so. */
export interface UseChannel<Known = unknown> {
  <Map, Name extends ChannelIn<Map>>(
    channel: Name | undefined,
    options: ChannelOptions<DataOn<Map, Name>, Map> & { readonly client: WebSocketClient<Map> },
  ): Channel<DataOn<Map, Name>>
  <Name extends ChannelIn<Known>>(
    channel: Name | undefined,
    options?: ChannelOptions<DataOn<Known, Name>>,
  ): Channel<DataOn<Known, Name>>
  <Data = unknown>(channel: Unmapped<Known> | undefined, options?: ChannelOptions<Data>): Channel<Data>
}

const DEFAULT_LIMIT = 100

type Open = (handler: Handler, options: SubscribeOptions) => Subscription

/**
 * The messages of a channel, while the component is mounted. `undefined` is no channel: a hook cannot be left out, so say it where nothing is
 * to be shown yet. Another name, `event`, `limit` or client begins anew.
 */
export const useChannel = useAnyChannel as UseChannel

function useAnyChannel(channel: string | undefined, options: ChannelOptions = {}): Channel {
  const client = useGiven(options.client)
  const open = useMemo(
    (): Open | undefined =>
      channel === undefined ? undefined : (handler, more) => client.subscribe(channel, handler, more),
    [client, channel],
  )
  const view = useMessages(`the channel ${channel}`, client, open, options)
  const publish = useCallback(
    (data: unknown, more?: PublishOptions): Promise<Published> =>
      channel === undefined
        ? Promise.reject(new ClientError('bad_request', 'there is no channel to publish to'))
        : client.publish(channel, data, more),
    [client, channel],
  )
  return useMemo(() => ({ ...view, publish }), [view, publish])
}

/** What is published to the user, while the component is mounted. */
export function useInbox<Data = unknown>(options: ChannelOptions<Data> = {}): ChannelView<Data> {
  const client = useGiven(options.client)
  const open = useMemo((): Open => (handler, more) => client.inbox(handler, more), [client])
  return useMessages('the inbox', client, open, options as ChannelOptions) as ChannelView<Data>
}

function useMessages(
  what: string,
  client: WebSocketClient,
  open: Open | undefined,
  options: ChannelOptions,
): ChannelView {
  const { event, limit = DEFAULT_LIMIT, from } = options
  const store = useMemo(() => {
    if (open === undefined) return undefined
    const connected: ChannelStoreOptions<unknown>['open'] = (handler, more) => {
      const subscription = open(handler, more)
      wake(client)
      return subscription
    }
    return new ChannelStore<unknown>({ what, open: connected, from, event, limit })
    // `from` is where it starts, and `what` goes with `open`.
  }, [client, open, event, limit])
  // Before the store is subscribed to, whose first message may come in the same turn.
  useEffect(() => {
    if (store !== undefined) store.callbacks = options
  })
  return useSyncExternalStore(store?.subscribe ?? neverChanges, store?.view ?? (() => unmounted(false)), () =>
    unmounted(store !== undefined),
  )
}
