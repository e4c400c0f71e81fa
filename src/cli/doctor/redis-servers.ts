/**
 * What is to be said of Sentinels, of the servers behind them, and of those of a Redis Cluster. Pure.
 */
import {
  clockFinding,
  maxclientsFindings,
  persistenceFinding,
  policyFinding,
  type Finding,
} from './findings.ts'
import type { Survey, SurveyedSentinel, SurveyedServer } from '../../drivers/redis-survey.ts'

/** With two, no majority is left when the machine of one is gone. */
const SENTINELS_MIN = 3
const MASTERS_MIN = 3
/** For so long nobody publishes when a primary dies, and a node that is cut off with it confirms what is lost. */
const SILENCE_GOOD_MS = 10_000
const LAG_GOOD_S = 10

export function surveyFindings(survey: Survey): Finding[] {
  switch (survey.kind) {
    case 'server':
      return []
    case 'sentinel':
      return [...sentinelFindings(survey), ...serverFindings(survey.servers)]
    case 'cluster':
      return [...clusterFindings(survey), ...serverFindings(survey.servers)]
    default:
      return survey satisfies never
  }
}

type OfSentinels = Extract<Survey, { readonly kind: 'sentinel' }>
type OfCluster = Extract<Survey, { readonly kind: 'cluster' }>

function sentinelFindings({ master, sentinels, servers }: OfSentinels): Finding[] {
  const heard = sentinels.filter(({ trouble }) => trouble === undefined)
  const findings = sentinels.flatMap(({ at, trouble }): Finding[] =>
    trouble === undefined
      ? []
      : [
          {
            ...{ what: `Redis Sentinel ${at}`, status: 'fail', says: trouble },
            change: `its address, redis.sentinel, and the name of the master (${master}) in redis.url`,
          },
        ],
  )
  const [first] = heard
  if (first === undefined) return findings
  const named = new Set(heard.map(({ names }) => names))
  if (named.size > 1)
    findings.push({
      ...{ what: 'Redis primary', status: 'fail', says: `Sentinels name ${[...named].join(' and ')}` },
      change: 'wait for the end of a failover; else restore the way between the Sentinels',
    })
  else findings.push({ what: 'Redis primary', status: 'ok', says: String(first.names) })
  return [
    ...findings,
    countFinding(heard, sentinels.length),
    ...quorumFindings(heard),
    silenceFinding(
      'Sentinel down-after-milliseconds',
      Math.max(...heard.map(({ downAfterMs }) => downAfterMs)),
      `SENTINEL SET ${master} down-after-milliseconds 5000, at each`,
    ),
    ...replicaFindings(Math.max(...heard.map(({ replicas }) => replicas)), servers),
  ]
}

function countFinding(heard: readonly SurveyedSentinel[], configured: number): Finding {
  const what = 'Redis Sentinels'
  const count = Math.max(...heard.map(({ sentinels }) => sentinels))
  if (heard.some(({ sentinels }) => sentinels !== count))
    return {
      ...{ what, status: 'warn', says: `they do not agree on how many they are, ${count} at most` },
      change:
        'restore the way between them; SENTINEL RESET at each, one after the other, forgets those that are gone',
    }
  if (count < SENTINELS_MIN)
    return {
      ...{ what, status: 'warn', says: `${count}: without one of them no majority replaces a primary` },
      change: 'three, on machines of their own',
    }
  if (configured === 1)
    return {
      ...{
        what,
        status: 'warn',
        says: `${count}, of which redis.url names one: a node cannot start without it`,
      },
      change: 'name all of them in redis.url',
    }
  return { what, status: 'ok', says: String(count) }
}

function quorumFindings(heard: readonly SurveyedSentinel[]): Finding[] {
  const what = 'Sentinel quorum'
  const count = Math.max(...heard.map(({ sentinels }) => sentinels))
  const quorums = [...new Set(heard.map(({ quorum }) => quorum))]
  const majority = Math.floor(count / 2) + 1
  const [quorum = 0] = quorums
  const says = quorums.join(' and ')
  const change = `SENTINEL SET … quorum ${majority}, at each`
  if (quorums.some((one) => one > count))
    return [{ what, status: 'fail', says: `${says} of ${count}: no primary is ever replaced`, change }]
  if (quorums.length > 1) return [{ what, status: 'warn', says: `they differ: ${says}`, change }]
  if (quorum < majority && count >= SENTINELS_MIN)
    return [
      {
        what,
        status: 'warn',
        says: `${says} of ${count}: less than a majority may have a primary replaced that others hear`,
        change,
      },
    ]
  return [{ what, status: 'ok', says: `${says} of ${count}` }]
}

function silenceFinding(what: string, ms: number, change: string): Finding {
  if (ms <= SILENCE_GOOD_MS) return { what, status: 'ok', says: `${ms} ms` }
  const says = `${ms} ms: for so long and 2 s nobody publishes when a primary dies`
  return { what, status: 'warn', says, change }
}

function replicaFindings(replicas: number, servers: readonly SurveyedServer[]): Finding[] {
  if (replicas === 0)
    return [
      {
        ...{ what: 'Redis replicas', status: 'warn', says: 'none: nothing takes the place of the primary' },
        change: 'two replicas',
      },
    ]
  const found: Finding = { what: 'Redis replicas', status: 'ok', says: String(replicas) }
  return [found, minReplicasFinding(replicas, servers)]
}

/** Those that may be the primary one day count as well. */
function minReplicasFinding(replicas: number, servers: readonly SurveyedServer[]): Finding {
  const what = 'Redis min-replicas-to-write'
  const change = 'min-replicas-to-write 1 and min-replicas-max-lag 2 on all servers, with two replicas'
  const told = servers.filter(({ settings }) => settings.has('min-replicas-to-write'))
  if (told.length === 0)
    return { what, status: 'skip', says: 'no server tells (CONFIG GET is not allowed to this user)' }
  const without = told.filter(({ settings }) => settings.get('min-replicas-to-write') === '0')
  const wanted = Math.max(...told.map(({ settings }) => Number(settings.get('min-replicas-to-write'))))
  if (wanted >= replicas && wanted > 0)
    return {
      ...{
        what,
        status: 'warn',
        says: `${wanted} with ${replicas} replicas: without one of them nobody publishes`,
      },
      change: 'one replica more than it wants',
    }
  if (without.length === told.length)
    return {
      ...{ what, status: 'warn', says: '0: a primary that is cut off goes on confirming what is lost' },
      change,
    }
  if (without.length > 0)
    return { what, status: 'warn', says: `0 at ${without.map(({ at }) => at).join(', ')}`, change }
  const lag = Math.max(...told.map(({ settings }) => Number(settings.get('min-replicas-max-lag') ?? 0)))
  if (lag >= LAG_GOOD_S || lag === 0)
    return { what, status: 'warn', says: `${wanted}, with min-replicas-max-lag ${lag} s`, change }
  return { what, status: 'ok', says: `${wanted}, with min-replicas-max-lag ${lag} s` }
}

function clusterFindings({ isWhole, servers }: OfCluster): Finding[] {
  const masters = servers.filter(({ primary }) => primary)
  const alone = masters.filter(({ id }) => !servers.some(({ follows }) => follows === id))
  const findings: Finding[] = [
    isWhole
      ? { what: 'Redis Cluster', status: 'ok', says: `whole, ${masters.length} masters` }
      : {
          ...{
            what: 'Redis Cluster',
            status: 'fail',
            says: 'cluster_state is not ok: some slots have no master',
          },
          change: 'redis-cli --cluster check',
        },
  ]
  if (masters.length < MASTERS_MIN)
    findings.push({
      ...{
        what: 'Redis Cluster masters',
        status: 'warn',
        says: `${masters.length}: no majority replaces one`,
      },
      change: 'three masters at least',
    })
  if (alone.length > 0)
    findings.push({
      what: 'Redis Cluster replicas',
      status: 'warn',
      says: `none of ${alone.map(({ at }) => at).join(', ')}: its channels stop when it dies`,
      change: 'a replica of each master',
    })
  else if (masters.length > 0)
    findings.push({ what: 'Redis Cluster replicas', status: 'ok', says: 'each master has one' })
  return [...findings, ...clusterSettings(servers)]
}

function clusterSettings(servers: readonly SurveyedServer[]): Finding[] {
  const where = (name: string, isWrong: (value: string) => boolean): string[] =>
    servers.filter(({ settings }) => isWrong(settings.get(name) ?? '')).map(({ at }) => at)
  const findings: Finding[] = []
  const told = servers.flatMap(({ settings }) => settings.get('cluster-node-timeout') ?? [])
  if (told.length > 0)
    findings.push(
      silenceFinding(
        'cluster-node-timeout',
        Math.max(...told.map(Number)),
        'CONFIG SET cluster-node-timeout 5000 on all servers, and in their files',
      ),
    )
  const covered = where('cluster-require-full-coverage', (value) => value === 'yes')
  if (covered.length > 0)
    findings.push({
      what: 'cluster-require-full-coverage',
      status: 'warn',
      says: `yes at ${covered.join(', ')}: a master that fails without a replica stops all channels`,
      change: 'CONFIG SET cluster-require-full-coverage no on all servers, and in their files',
    })
  const readers = where('cluster-allow-reads-when-down', (value) => value === 'yes')
  if (readers.length > 0)
    findings.push({
      what: 'cluster-allow-reads-when-down',
      status: 'fail',
      says: `yes at ${readers.join(', ')}: a master that is cut off answers with what others have changed since`,
      change: 'CONFIG SET cluster-allow-reads-when-down no on all servers, and in their files',
    })
  return findings
}

function serverFindings(servers: readonly SurveyedServer[]): Finding[] {
  return servers.flatMap(({ at, trouble, settings, aheadMs }): Finding[] => {
    if (trouble !== undefined)
      return [
        {
          what: `Redis ${at}`,
          status: 'fail',
          says: trouble,
          change: 'start it, or have the others forget it',
        },
      ]
    const seen = { policy: settings.get('maxmemory-policy'), maxmemory: settings.get('maxmemory') }
    return [
      policyFinding(`Redis ${at} maxmemory-policy`, seen),
      persistenceFinding(`Redis ${at} persistence`, {
        appendonly: settings.get('appendonly'),
        appendfsync: settings.get('appendfsync'),
      }),
      ...maxclientsFindings(`Redis ${at} maxclients`, settings.get('maxclients')),
      ...(aheadMs === undefined ? [] : [clockFinding(`clock of Redis ${at}`, aheadMs)]),
    ]
  })
}
