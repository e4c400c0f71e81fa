/** What a server and the load agree on before a run. */
import type { ConfigInput } from '../../src/config/schema.ts'

/** The channel of a broadcast. */
export const ROOM = 'bench:room'

/** Set in the environment of a gateway: it runs the compiler's modules and not the bundle of them. */
export const AS_MODULES = 'SLUICE_BENCH_MODULES'

/** Signs the tokens of a run, which ends with its processes. */
export const TOKEN_SECRET = 'a secret that only the benchmark and its server use'
/** Of Debian's package `libnginx-mod-nchan`. */
export const NCHAN_MODULE = '/usr/lib/nginx/modules/ngx_nchan_module.so'
export const API_KEY = 'a-key-that-only-the-benchmark-and-its-server-use'

export type PeerName = 'raw-uws' | 'sluice' | 'sluice-cluster' | 'ws' | 'socketio' | 'nchan'

/** Where a server listens, on 127.0.0.1. Peers with one listener name it twice. */
export interface Ports {
  readonly port: number
  readonly apiPort: number
  /** The process that is measured, where it is not the one that has started it. */
  readonly pid?: number
  /** Servers that the peer has started beside itself, by name. */
  readonly pids?: Readonly<Record<string, number>>
  /** What another node has to be told to be of the same cluster. */
  readonly settings?: ConfigInput
}
