/**
 * What a message costs that is appended to the log in Redis, this process and Redis each, in microseconds of CPU time: a
 * machine that has other work does not change them much.
 *
 *   node --import tsx bench/append.ts        256 in flight, as they come from one socket
 *   node --import tsx bench/append.ts 1000   the same over so many channels, as messages to so many users
 */
import { spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuMicros } from './lib/cores.ts'
import { RedisLink } from '../src/drivers/redis.ts'
import { RedisReplayLog } from '../src/replay/redis.ts'
import { freePort } from '../test/support/server-process.ts'

const IN_FLIGHT = 256
const WARM_UP = 20_000
const MESSAGES = 60_000
const ROUNDS = 5
const PATIENCE_MS = 60_000
const POLICY = { ttlMs: 600_000, max: 1000, idempotencyMs: 120_000 }
const MESSAGE = { data: Buffer.alloc(128, 'x'), binary: true, id: undefined, time: 1 }

const channels = Number(process.argv[2] ?? 1)
const port = await freePort()
const redis = spawn(
  'redis-server',
  [
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--save',
    '',
    '--dir',
    mkdtempSync(join(tmpdir(), 'append-')),
  ],
  { stdio: 'ignore' },
)
const link = new RedisLink({ urls: [`redis://127.0.0.1:${port}`], hotTimeoutMs: PATIENCE_MS })
try {
  const log = new RedisReplayLog(link)
  await link.ready(PATIENCE_MS)
  await append(log, WARM_UP)
  const rounds: { here: number; inRedis: number }[] = []
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measured(log))
  console.log(
    `a message, ${IN_FLIGHT} in flight, ${channels} channel(s); µs of CPU time, median of ${ROUNDS}`,
  )
  console.log(`here      ${median(rounds.map(({ here }) => here)).toFixed(1)}`)
  console.log(`in Redis  ${median(rounds.map(({ inRedis }) => inRedis)).toFixed(1)}`)
} finally {
  link.close()
  redis.kill()
}

async function measured(log: RedisReplayLog): Promise<{ here: number; inRedis: number }> {
  const pid = redis.pid as number
  const redisBefore = cpuMicros(pid)
  const before = process.cpuUsage()
  await append(log, MESSAGES)
  const { user, system } = process.cpuUsage(before)
  return { here: (user + system) / MESSAGES, inRedis: (cpuMicros(pid) - redisBefore) / MESSAGES }
}

/** What is answered in a turn is followed by as many in the next one. */
function append(log: RedisReplayLog, messages: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0
    let answered = 0
    let due = 0
    const pump = (): void => {
      for (; due > 0 && sent < messages; due--, sent++)
        log.append(`bench:${sent % channels}`, MESSAGE, POLICY).then(done, reject)
      due = 0
    }
    const done = (): void => {
      if (++answered === messages) resolve()
      else if (++due === 1) setImmediate(pump)
    }
    due = IN_FLIGHT
    pump()
  })
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
}
