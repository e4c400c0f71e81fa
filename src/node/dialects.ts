/**
 * The wire protocols of others that the configuration asks for. Part of the composition.
 */
import { PatternPermissions } from '../auth/permissions.ts'
import { Centrifuge } from '../dialect/centrifuge/centrifuge.ts'
import type { Pusher } from '../dialect/pusher/pusher.ts'
import { emulationRequests, eventStream, httpStream } from '../dialect/centrifuge/emulation.ts'
import { json, protobuf } from '../dialect/centrifuge/encoding.ts'
import type { SpeakerPorts } from '../dialect/centrifuge/speaker-ports.ts'
import { uniJson } from '../dialect/centrifuge/uni.ts'
import { DurableStreams } from '../dialect/durable-streams/durable-streams.ts'
import type { EdgePorts } from '../edge/ports.ts'
import type { Route } from '../edge/route.ts'
import { packageVersion } from '../package-version.ts'
import { WebSocketConnection } from '../transport/websocket.ts'
import type { Base } from './base.ts'
import { knownChannels } from './policies.ts'
import { edgeOptions, sessionOptions } from './options.ts'
import { pusherRoutes } from './pusher.ts'
import type { Stores } from './stores.ts'

/** On the public listener. */
export function dialectRoutes(
  base: Base,
  ports: EdgePorts,
  { stores, pusher }: { readonly stores: Stores; readonly pusher: Pusher | undefined },
): Route[] {
  return [
    ...centrifugeRoutes(base, ports, stores),
    ...streamRoutes(base, ports, stores),
    ...pusherRoutes(pusher),
  ]
}

function centrifugeRoutes(base: Base, ports: EdgePorts, stores: Stores): Route[] {
  const { config, clock, wheel, policies, failed } = base
  const { centrifuge } = config.dialects
  if (centrifuge === undefined) return []
  const { anonymous, everybody } = centrifuge
  const { jsonDepthMax, frameBytesMax, connectTimeoutMs } = edgeOptions(config)
  const { reauth, pingIntervalMs } = sessionOptions(config)
  const pingSeconds = Math.max(1, Math.round(pingIntervalMs / 1000))
  const speakerPorts: SpeakerPorts = {
    ...{ reception: ports.sessions, clock, wheel, failed },
    ...{ anonymous: permissionsOf(anonymous), everybody: permissionsOf(everybody) },
    logOf: (channel) => (policies(channel).hub.logged ? stores.log : undefined),
    keepsPresence: (channel) => policies(channel).client.presence,
    forwards: (channel) => policies(channel).client.clientPublish === 'forward',
    acknowledged: (channel) => policies(channel).client.acknowledged,
  }
  const version = packageVersion()
  const knows = knownChannels(config)
  const options = { knows, jsonDepthMax, frameBytesMax, connectTimeoutMs, reauth, pingSeconds, version }
  const dialect = new Centrifuge(speakerPorts, options)
  const oneWay = new Centrifuge(speakerPorts, options, true)
  const { path, httpStream: stream, sse, emulation, uniWebSocket, uniHttpStream, uniSse } = centrifuge
  return [
    { path, transport: WebSocketConnection, dialect },
    { path: stream, emulation: httpStream(dialect, json, protobuf) },
    { path: sse, emulation: eventStream(dialect, json) },
    { path: emulation, emulation: emulationRequests(jsonDepthMax) },
    { path: uniWebSocket, transport: WebSocketConnection, dialect: oneWay },
    { path: uniHttpStream, emulation: httpStream(oneWay, uniJson) },
    { path: uniSse, emulation: eventStream(oneWay, uniJson) },
  ]
}

function streamRoutes({ config, policies }: Base, ports: EdgePorts, { log }: Stores): Route[] {
  const { durableStreams } = config.dialects
  if (durableStreams === undefined) return []
  const everybody = new PatternPermissions([], [], durableStreams.public)
  const { hub, clock, wheel, caught, sessions } = ports
  const reads = new DurableStreams(
    {
      ...{ hub, clock, wheel, caught },
      logOf(channel) {
        const { hub: policy, client } = policies(channel)
        return policy.logged ? { log, keptMax: client.max } : undefined
      },
      isPublic: (channel) => everybody.mayReadHistory(channel),
      prove: (token) => sessions.prove(token),
      hold: (identity, end) => sessions.holders.hold(identity, end),
    },
    { liveMax: durableStreams.readers, maxAgeSeconds: Math.ceil(durableStreams.maxAge / 1000) },
  )
  return [{ path: durableStreams.path, reads }]
}

interface Allowed {
  readonly subscribe: readonly string[]
  readonly publish: readonly string[]
  readonly history: readonly string[]
}

function permissionsOf(allowed: Allowed | undefined): PatternPermissions | undefined {
  return allowed && new PatternPermissions(allowed.subscribe, allowed.publish, allowed.history)
}
