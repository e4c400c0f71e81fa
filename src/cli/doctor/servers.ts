/**
 * Looks at NATS and Redis as a node would use them: with its configuration, its user and its subjects.
 */
import { clockFinding, natsFindings, redisFindings, type Finding, type SeenRedis } from './findings.ts'
import { natsNeeds, permissionFindings } from './nats-permissions.ts'
import { surveyFindings } from './redis-servers.ts'
import { systemClock } from '../../clock.ts'
import type { Config } from '../../config/schema.ts'
import { NatsLink } from '../../drivers/nats.ts'
import { surveyRedis } from '../../drivers/redis-survey.ts'
import { RedisLink } from '../../drivers/redis.ts'
import { readTlsFiles } from '../../drivers/tls-files.ts'
import { SluiceError } from '../../errors.ts'

const READY_MS = 5000
const SUBJECT = 'sluice.doctor'

const ignore = (): void => undefined

export async function redisOf(config: Config): Promise<Finding[]> {
  if (config.redis.url.length === 0) return []
  const { url: urls, sentinel } = config.redis
  const access = {
    ...(config.redis.tls === undefined ? {} : { tls: readTlsFiles(config.redis.tls) }),
    sentinel,
  }
  const servers = surveyRedis(urls, access).then(surveyFindings)
  const link = new RedisLink({ urls, ...access, clock: systemClock, caught: ignore })
  link.watch({ connected: ignore, disconnected: ignore })
  try {
    await link.ready(READY_MS)
    const one = link.single ? await asked(link) : []
    return [{ what: 'Redis', status: 'ok', says: 'answers' }, ...one, ...(await servers)]
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    return [
      { what: 'Redis', status: 'fail', says: error.message, change: 'redis.url, its password, redis.tls' },
      ...(await servers),
    ]
  } finally {
    link.close()
  }
}

async function asked(link: RedisLink): Promise<Finding[]> {
  const setting = async (name: string): Promise<string | undefined> => {
    const answer = await link.ask('CONFIG', 'GET', name)
    return Array.isArray(answer) && typeof answer[1] === 'string' ? answer[1] : undefined
  }
  const seen: SeenRedis = {
    policy: await setting('maxmemory-policy'),
    maxmemory: await setting('maxmemory'),
    appendonly: await setting('appendonly'),
    appendfsync: await setting('appendfsync'),
    maxclients: await setting('maxclients'),
  }
  const before = systemClock.now()
  const time = await link.ask('TIME')
  const hereMs = (before + systemClock.now()) / 2
  const [seconds, micros] = Array.isArray(time) ? time.map(Number) : []
  if (seconds === undefined || micros === undefined) return redisFindings(seen)
  return [...redisFindings(seen), clockFinding('clock of Redis', seconds * 1000 + micros / 1000 - hereMs)]
}

export async function natsOf(config: Config): Promise<Finding[]> {
  const { url: urls, ...access } = config.nats
  if (urls.length === 0) return []
  const link = new NatsLink({
    ...{ urls, name: 'sluice-doctor', inboxPrefix: 'sluice.reply', caught: ignore },
    ...access,
  })
  const refused: string[] = []
  let away = ''
  link.watch({
    connected: ignore,
    disconnected: (reason) => (away = reason),
    slowConsumer: ignore,
    lameDuck: ignore,
    refused: (reason) => refused.push(reason),
  })
  link.start()
  try {
    await link.flush(READY_MS)
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error
    const says = away === '' ? error.message : away
    await link.close()
    return [{ what: 'NATS', status: 'fail', says, change: 'nats.url, nats.credsFile or nkeyFile, nats.tls' }]
  }
  let heardItself = false
  link.subscribe(SUBJECT, {}, () => (heardItself = true))
  link.publish(SUBJECT, Buffer.from('doctor'))
  const permissions = await permissionFindings(link, refused, natsNeeds(config))
  const seen = {
    ...{ heardItself, maxPayloadBytes: link.maxPayloadBytes },
    jetStream: link.connection?.info?.jetstream === true,
  }
  await link.close()
  const durable = Object.values(config.namespaces).some(({ delivery }) => delivery === 'durable')
  return [
    { what: 'NATS', status: 'ok', says: 'answers' },
    ...permissions,
    ...natsFindings(seen, { payloadBytes: config.limits.payload, durable }),
  ]
}
