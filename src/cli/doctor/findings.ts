/**
 * What is to be said of what was seen of a deployment, and what to change. Pure.
 */

export type Status = 'ok' | 'warn' | 'fail' | 'skip'

export interface Finding {
  readonly what: string
  readonly status: Status
  readonly says: string
  /** What to do about it. */
  readonly change?: string
}

/** The clocks of two nodes, and what is on its way, may differ by a minute together. */
const CLOCK_FAIL_MS = 30_000
const CLOCK_WARN_MS = 2000
/** The library asks for 512 places; fewer turn clients away that come together. */
const SOMAXCONN_MIN = 512
/** Beside those of clients: servers, other nodes, files. */
const FILES_BESIDE = 1024
const FILES_GOOD = 65_536
const DAY_MS = 86_400_000
const CERTIFICATE_WARN_DAYS = 14

export function clockFinding(what: string, aheadMs: number): Finding {
  const by = `${Math.abs(aheadMs / 1000).toFixed(1)} s ${aheadMs < 0 ? 'behind' : 'ahead of'} this machine`
  const change = 'run a time service (chrony, systemd-timesyncd) on all machines'
  if (Math.abs(aheadMs) >= CLOCK_FAIL_MS)
    return { what, status: 'fail', says: `${by}: nodes refuse what the others send`, change }
  if (Math.abs(aheadMs) >= CLOCK_WARN_MS) return { what, status: 'warn', says: by, change }
  return { what, status: 'ok', says: 'within 2 s of this machine' }
}

/** `soft`, `hard`: as in /proc/self/limits. `connectionsMax` 0: no limit. */
export function filesFinding(soft: number, hard: number, connectionsMax: number): Finding {
  const what = 'file limit of this machine'
  const needed = connectionsMax === 0 ? FILES_GOOD : connectionsMax + FILES_BESIDE
  // Node raises the soft limit to the hard one by itself.
  const limit = Math.max(soft, hard)
  if (limit >= needed) return { what, status: 'ok', says: `${limit} files may be open` }
  const wants = connectionsMax === 0 ? `${needed} are a good start` : `limits.connections needs ${needed}`
  return {
    what,
    status: connectionsMax === 0 ? 'warn' : 'fail',
    says: `${limit} files may be open, and ${wants}`,
    change: 'LimitNOFILE= of the unit, or --ulimit nofile= of the container',
  }
}

export function backlogFinding(somaxconn: number): Finding {
  const what = 'net.core.somaxconn'
  if (somaxconn >= SOMAXCONN_MIN) return { what, status: 'ok', says: String(somaxconn) }
  return {
    what,
    status: 'warn',
    says: `${somaxconn}: connections that come together are dropped before a node sees them`,
    change: 'sysctl -w net.core.somaxconn=4096',
  }
}

export function certificateFinding(what: string, seen: SeenCertificate, nowMs: number): Finding {
  const { authorized, why, validToMs, protocol } = seen
  if (!authorized)
    return {
      what,
      status: 'fail',
      says: `clients do not trust it: ${why}`,
      change: 'certFile with the whole chain, for the name that clients use; --ca for one of your own',
    }
  const days = Math.floor((validToMs - nowMs) / DAY_MS)
  if (days < CERTIFICATE_WARN_DAYS)
    return {
      what,
      status: days < 1 ? 'fail' : 'warn',
      says: `its certificate is over in ${days} days`,
      change: 'renew it: nodes take up new files by themselves within 10 s',
    }
  return { what, status: 'ok', says: `${protocol}, trusted, good for ${days} days` }
}

export interface SeenCertificate {
  readonly authorized: boolean
  readonly why: string
  readonly validToMs: number
  readonly protocol: string
}

/** As Redis says it; `undefined`: it does not tell. */
export interface SeenRedis {
  readonly policy: string | undefined
  readonly maxmemory: string | undefined
  readonly appendonly: string | undefined
  readonly appendfsync: string | undefined
  readonly maxclients: string | undefined
}

export function redisFindings(seen: SeenRedis): Finding[] {
  return [
    policyFinding('Redis maxmemory-policy', seen),
    persistenceFinding('Redis persistence', seen),
    ...maxclientsFindings('Redis maxclients', seen.maxclients),
  ]
}

export function policyFinding(
  what: string,
  { policy, maxmemory }: Pick<SeenRedis, 'policy' | 'maxmemory'>,
): Finding {
  if (policy === undefined)
    return { what, status: 'skip', says: 'Redis does not tell (CONFIG GET is not allowed to this user)' }
  if (policy === 'noeviction') return { what, status: 'ok', says: policy }
  return {
    what,
    status: maxmemory === '0' ? 'warn' : 'fail',
    says: `${policy}: where memory runs out Redis drops logs and sessions, and clients are reset`,
    change: 'CONFIG SET maxmemory-policy noeviction, and in its file',
  }
}

export function persistenceFinding(
  what: string,
  { appendonly, appendfsync }: Pick<SeenRedis, 'appendonly' | 'appendfsync'>,
): Finding {
  if (appendonly === undefined) return { what, status: 'skip', says: 'Redis does not tell' }
  if (appendonly === 'yes' && appendfsync === 'always')
    return { what, status: 'ok', says: 'on disk before it is confirmed: a restart resets nobody' }
  const says = appendonly === 'yes' ? `appendfsync ${appendfsync}` : `appendonly ${appendonly}`
  return {
    what,
    status: 'warn',
    says: `${says}: a restart of Redis resets every channel`,
    change:
      'appendonly yes and appendfsync always, where the disk is fast enough; docs/operations.md says what it costs',
  }
}

export function maxclientsFindings(what: string, maxclients: SeenRedis['maxclients']): Finding[] {
  const count = Number(maxclients)
  if (maxclients === undefined || Number.isNaN(count)) return []
  // A node has a few connections.
  if (count >= 1000) return [{ what, status: 'ok', says: String(count) }]
  return [
    { what, status: 'warn', says: `${count}: each node has up to 4 connections`, change: 'maxclients 10000' },
  ]
}

export interface SeenNats {
  readonly heardItself: boolean
  readonly maxPayloadBytes: number
  readonly jetStream: boolean
}

export function natsFindings(
  seen: SeenNats,
  needs: { readonly payloadBytes: number; readonly durable: boolean },
): Finding[] {
  const findings: Finding[] = [carriesFinding(seen)]
  const roomFor = seen.maxPayloadBytes
  findings.push(
    roomFor >= needs.payloadBytes
      ? { what: 'NATS max_payload', status: 'ok', says: `${roomFor} bytes` }
      : {
          what: 'NATS max_payload',
          status: 'warn',
          says: `${roomFor} bytes, so no message of limits.payload fits`,
          change: `max_payload: ${needs.payloadBytes} on all servers, or a smaller limits.payload`,
        },
  )
  if (needs.durable && !seen.jetStream)
    findings.push({
      what: 'NATS JetStream',
      status: 'fail',
      says: 'it is not enabled, and a namespace has delivery: durable',
      change: 'jetstream { store_dir: … } on the servers, and for the account',
    })
  else if (needs.durable) findings.push({ what: 'NATS JetStream', status: 'ok', says: 'enabled' })
  return findings
}

function carriesFinding({ heardItself }: SeenNats): Finding {
  const what = 'NATS carries'
  if (heardItself) return { what, status: 'ok', says: 'what was said on sluice.doctor came back' }
  return {
    what,
    status: 'fail',
    says: 'what was said on sluice.doctor did not come back',
    change: 'sluice.> for the user of nodes, in both directions; docs/nats.md has all permissions',
  }
}

/** Exit code 1 where something fails. */
export function failed(findings: readonly Finding[]): number {
  return findings.filter(({ status }) => status === 'fail').length
}

export function findingLines(findings: readonly Finding[]): string[] {
  const width = Math.max(0, ...findings.map(({ what }) => what.length))
  return findings.flatMap(({ what, status, says, change }) => [
    `${status.padEnd(4)}  ${what.padEnd(width)}  ${says}`,
    ...(change === undefined ? [] : [`${' '.repeat(width + 8)}→ ${change}`]),
  ])
}
