import type { ChannelIn, DataOn, SluiceClient, Unmapped } from '@sluice/client'
import type { ReactElement } from 'react'
import { SluiceProvider, useClient, type ProviderProps } from './client.ts'
import { useChannel, useInbox, type UseChannel } from './use-channel.ts'
import { useConnection } from './use-connection.ts'
import { useSync, type SyncOptions, type SyncView } from './use-sync.ts'
import { usePresence, type ChannelPresence, type PresenceOptions } from './use-presence.ts'

/** The hooks for one map of channels: `createHooks<{ news: News; 'room:${string}': Chat }>()`. */
export interface Hooks<Known> {
  readonly SluiceProvider: (props: ProviderProps<Known>) => ReactElement
  readonly useClient: () => SluiceClient<Known>
  readonly useChannel: UseChannel<Known>
  readonly usePresence: <Data = unknown>(
    channel: ChannelIn<Known> | Unmapped<Known> | undefined,
    options?: PresenceOptions<Data>,
  ) => ChannelPresence<Data>
  readonly useSync: <State, Name extends ChannelIn<Known> | Unmapped<Known>>(
    channel: Name | undefined,
    options: SyncOptions<State, unknown extends Known ? unknown : DataOn<Known, Name>>,
  ) => SyncView<State>
  readonly useInbox: typeof useInbox
  readonly useConnection: typeof useConnection
}

/** The same functions, with types: nothing checks at run time what comes. */
export function createHooks<Known>(): Hooks<Known> {
  return {
    ...{ SluiceProvider, usePresence, useInbox, useConnection },
    useSync,
    useChannel: useChannel as unknown as UseChannel<Known>,
    useClient: useClient as unknown as () => SluiceClient<Known>,
  }
}
