import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Stall } from '../../../src/observe/stall.ts'
import { temporaryDirectory } from '../../support/server-process.ts'

const PROGRAM = fileURLToPath(new URL('../../fixtures/stuck.mjs', import.meta.url))

describe('a loop', () => {
  const every = (stall: Stall, beats: readonly number[], everyMs = 250): (number | undefined)[] =>
    beats.map((beat, index) => stall.look(beat, (index + 1) * everyMs))

  it('that turns is never told of', () => {
    const stall = new Stall({ stillMs: 1000, everyMs: 250 }, 0)
    expect(every(stall, [1, 2, 2, 3, 3, 3, 4, 5])).toEqual(Array.from({ length: 8 }, () => undefined))
  })

  it('that stands still is told of once, and again when it does so again', () => {
    const stall = new Stall({ stillMs: 1000, everyMs: 250 }, 0)
    const told = every(stall, [1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2])
    expect(
      told.map((forMs, index) => (forMs === undefined ? -1 : index)).filter((index) => index >= 0),
    ).toEqual([4, 11])
    expect(told[4]).toBe(1000)
  })

  it('of a process that was stopped as a whole is not told of', () => {
    const stall = new Stall({ stillMs: 1000, everyMs: 250 }, 0)
    expect(stall.look(1, 250)).toBeUndefined()
    expect(stall.look(1, 60_000)).toBeUndefined()
    expect(stall.look(1, 60_250)).toBeUndefined()
  })
})

/** Either of both: by the C library where it can, as on this machine, else by a thread. */
describe.each(['alarm', 'thread'])('a process that is watched by the %s', (by) => {
  const run = (how: string) => {
    const directory = temporaryDirectory('watchdog')
    try {
      const output = execFileSync(process.execPath, [PROGRAM, how, by, directory.path], {
        encoding: 'utf8',
        env: { ...process.env, SLUICE_API_KEYS: 'a-key-in-the-environment' },
      })
      const reports = readdirSync(directory.path).map((name) => {
        const path = join(directory.path, name)
        return { text: readFileSync(path, 'utf8'), mode: statSync(path).mode & 0o777 }
      })
      return { output, reports }
    } finally {
      directory.remove()
    }
  }

  it.each([
    ['computes', 'R'],
    ['waits', 'S'],
  ])('whose loop %s leaves a report while it does, and a line that says where', (how, state) => {
    const { output, reports } = run(how)
    expect(reports).toHaveLength(1)
    const [{ text, mode }] = reports as [(typeof reports)[number]]
    expect(mode).toBe(0o600)
    const report = JSON.parse(text) as Readonly<Record<string, unknown>>
    expect(report).toMatchObject({ node: 'n1', mainThread: { state } })
    expect(report['stoodStillMs']).toBeGreaterThanOrEqual(700)
    expect(report['lagsMs']).not.toEqual([])
    expect(report['memory']).toMatchObject({
      rss: expect.any(Number) as number,
      heapUsed: expect.any(Number) as number,
    })
    expect(report['report']).toMatchObject({
      header: { nodejsVersion: process.version },
      resourceUsage: { maxRss: expect.any(Number) as number, userCpuSeconds: expect.any(Number) as number },
      userLimits: { open_files: expect.anything() as object },
    })
    expect(text).not.toContain('a-key-in-the-environment')
    const line = JSON.parse(output.trim()) as Readonly<Record<string, unknown>>
    expect(line).toMatchObject({ level: 'error', node: 'n1', state })
    expect(line['file']).toMatch(/sluice-report-\d+-\d+\.json$/)
  })

  it.each(['turns', 'stopped'])('which is one that %s leaves none', (how) => {
    expect(run(how)).toEqual({ output: '', reports: [] })
  })
})

it.each([
  ['commandAlarm', 'no thread'],
  ["() => 'there is none'", 'a thread'],
])('with %s there is %s', (alarm, expected) => {
  const program = `
    import { syncBuiltinESMExports } from 'node:module'
    import threads from 'node:worker_threads'
    import { systemClock } from './dist/clock.js'
    import { commandAlarm } from './dist/drivers/command-alarm.js'
    threads.Worker = class { constructor() { throw new Error('a thread') } }
    syncBuiltinESMExports()
    const { watch } = await import('./dist/observe/watchdog.js')
    const ports = { clock: systemClock, alarm: ${alarm}, failed: () => undefined }
    try {
      watch({ stillMs: 60_000, directory: '', bindings: {} }, ports)()
      console.log('no thread')
    } catch (error) {
      console.log(error.message)
    }
  `
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
  })
  expect(output).toBe(`${expected}\n`)
})
