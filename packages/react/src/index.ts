'use client'
/**
 * `@sluice/react`: hooks for a client of `@sluice/client`. Nothing is touched at import but React: it may be imported where there is no page.
 */
export { SluiceProvider, useClient } from './client.ts'
export { useChannel, useInbox } from './use-channel.ts'
export { usePresence } from './use-presence.ts'
export { useSync } from './use-sync.ts'
export { useConnection } from './use-connection.ts'
export { createHooks } from './hooks.ts'
export type { ProviderProps } from './client.ts'
export type { ChannelCallbacks, ChannelView } from './channel-store.ts'
export type { Channel, ChannelOptions, UseChannel } from './use-channel.ts'
export type { ChannelPresence, PresenceOptions, PresenceView } from './use-presence.ts'
export type { Connection, ConnectionControl } from './use-connection.ts'
export type { Loaded, SyncOptions, SyncView } from './use-sync.ts'
export type { Hooks } from './hooks.ts'
