/** The ways in which clients are connected, by their names on the metrics page: the one place that lists them. */
export const TRANSPORTS = ['websocket', 'sse', 'poll'] as const

export type TransportName = (typeof TRANSPORTS)[number]

/** The one whose connections are members of the listener's native topics. */
export const NATIVE = 'websocket' satisfies TransportName
