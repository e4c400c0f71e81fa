/**
 * The text of a `welcome`. Everybody who connects gets one, and when a node has gone all of them at once, so it is put together of its parts:
 * to make an object of them first, and to have it printed, costs several times as much.
 */
import type { ClientLimits, Found, Welcome } from '../../session/welcome.ts'

interface Welcomed {
  readonly id: string
  readonly user: string
  readonly identity: { readonly expiresAtMs: number | undefined }
}

/** A `WelcomeFrame`. */
export function welcomeText({ id, user, identity }: Welcomed, welcome: Welcome): string {
  const { expiresAtMs } = identity
  // What is not printed by `JSON.stringify` is of the gateway's own making: it has no quotes and no control characters.
  return (
    `{"type":"welcome","session":"${id}","user":${JSON.stringify(user)},"node":${JSON.stringify(welcome.node)}` +
    `,"resumed":${welcome.resumed},"channels":{${channelsText(welcome.channels)}}` +
    `,"pingInterval":${welcome.pingIntervalMs},"ticket":"${welcome.ticket}","limits":${sameLimits(welcome.limits)}` +
    (expiresAtMs === undefined ? '}' : `,"expiresAt":${expiresAtMs}}`)
  )
}

function channelsText(channels: ReadonlyMap<string, Found>): string {
  let text = ''
  for (const [channel, found] of channels) {
    if (text !== '') text += ','
    // What a client has asked for and did not get may be no name of a channel.
    text += `${JSON.stringify(channel)}:${restoredText(found)}`
  }
  return text
}

/** A `Restored`. */
function restoredText({ position, recovered, error, byBackend }: Found): string {
  if (error !== undefined) return `{"recovered":false,"error":"${error}"}`
  const where = position === undefined ? '' : `"epoch":"${position.epoch}","offset":${position.offset},`
  return `{${where}"recovered":${recovered}${byBackend === true ? ',"byBackend":true' : ''}}`
}

let lastLimits: ClientLimits | undefined
let lastText = ''

/** They are those of the node, and change seldom. */
function sameLimits(limits: ClientLimits): string {
  const last = lastLimits
  const isSame =
    last !== undefined &&
    last.frame === limits.frame &&
    last.payload === limits.payload &&
    last.subscriptions === limits.subscriptions &&
    last.presenceData === limits.presenceData
  if (isSame) return lastText
  lastLimits = limits
  return (lastText = limitsText(limits))
}

function limitsText({ frame, payload, subscriptions, presenceData }: ClientLimits): string {
  return `{"frame":${frame},"payload":${payload},"subscriptions":${subscriptions},"presenceData":${presenceData}}`
}
