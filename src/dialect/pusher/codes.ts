/**
 * Why a connection ends, and what a client is told where it does not end.
 *
 * What a stock client does follows from the hundreds: 4000 to 4099 it stays away for good, 4100 to 4199 it comes back after a second, 4200 to
 * 4299 at once. From 4300 on pusher-js stays away, too, so no connection is ever closed with such a code.
 */

export const CLOSE = {
  noApp: [4001, 'there is no app with this key'],
  appDisabled: [4003, 'the app is disabled'],
  overQuota: [4004, 'the app has as many connections as it may'],
  badPath: [4005, 'clients connect to /app/<key>'],
  badProtocol: [4007, 'the protocol must be 5, 6 or 7'],
  noProtocol: [4008, 'protocol is missing in the URL'],
  unauthorized: [4009, 'the connection is not authorized'],
  overloaded: [4100, 'the node takes no more clients now; come back in a while'],
  goingAway: [4200, 'the node is going away; come back at once'],
  silent: [4201, 'nothing has come for too long'],
} as const satisfies Readonly<Record<string, readonly [number, string]>>

export type Ending = keyof typeof CLOSE

/** Told in a `pusher:error`; the connection goes on. */
export const ERROR = {
  malformed: null,
  unauthorized: 4009,
  clientEventRefused: 4301,
} as const
