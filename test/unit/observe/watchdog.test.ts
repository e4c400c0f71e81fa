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

describe('a process', () => {
  const run = (how: string) => {
    const directory = temporaryDirectory('watchdog')
    try {
      const output = execFileSync(process.execPath, [PROGRAM, how, directory.path], {
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
    expect(report['memory']).toMatchObject({ heapUsed: expect.any(Number) as number })
    expect(report['report']).toMatchObject({ resourceUsage: expect.any(Object) as object })
    expect(text).not.toContain('a-key-in-the-environment')
    const line = JSON.parse(output.trim()) as Readonly<Record<string, unknown>>
    expect(line).toMatchObject({ level: 'error', node: 'n1', state })
    expect(line['file']).toMatch(/sluice-report-\d+-\d+\.json$/)
  })

  it('whose loop turns leaves none', () => {
    expect(run('turns')).toEqual({ output: '', reports: [] })
  })
})
