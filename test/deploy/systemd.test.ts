import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { configCheck, configOf, MARGIN_MS, SECRETS } from '../support/config-check.ts'
import { programOr } from '../support/program.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { EXIT_USAGE } from '../../src/config/config-error.ts'

/** deploy/systemd/sluice.service: systemd takes it, and it gives a drain its time. */

const UNIT = fileURLToPath(new URL('../../deploy/systemd/sluice.service', import.meta.url))
const COMMAND = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))
const unit = readFileSync(UNIT, 'utf8')
/** Of 10; systemd calls it OK below 2, and nothing at all is 9.6. */
const EXPOSURE_MAX = 2

function valuesOf(key: string): string[] {
  return [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value]) => value as string)
}

const environment = Object.fromEntries(
  valuesOf('Environment').flatMap((line) =>
    line.split(' ').map((pair) => pair.split('=') as [string, string]),
  ),
)

describe('the unit of systemd', () => {
  const directory = temporaryDirectory('systemd')
  const config = join(directory.path, 'sluice.yaml')
  writeFileSync(config, 'nats: { url: nats://nats:4222 }\nredis: { url: redis://redis:6379 }\n')

  it('gives the node more time than its drain may take', () => {
    const { deadline } = configOf(config, {
      ...SECRETS,
      ...environment,
      SLUICE_NATS_URL: 'nats://nats:4222',
    }).drain
    const [stop] = valuesOf('TimeoutStopSec')
    expect(Number(stop) * 1000).toBeGreaterThanOrEqual((deadline as number) + MARGIN_MS)
  })

  it('has settings that fit each other', () => {
    const { NODE_ENV: _, ...settings } = environment
    const env = { ...SECRETS, ...settings }
    expect(configCheck(config, env)).toEqual({ code: 0, said: 'the configuration is good\n' })
  })

  it('drains by SIGTERM, and does not start again what cannot be started', () => {
    expect(valuesOf('KillSignal')).toEqual(['SIGTERM'])
    expect(valuesOf('Restart')).toEqual(['on-failure'])
    expect(valuesOf('RestartPreventExitStatus')).toEqual([String(EXIT_USAGE)])
    expect(valuesOf('ExecStart')[0]).toMatch(/ \/opt\/sluice\/bin\/sluice\.js serve --config \S+$/)
    expect(basename(COMMAND)).toBe('sluice.js')
  })
})

const analyze = programOr('systemd-analyze', 'apt-get install systemd')
describe.skipIf(analyze.missing !== undefined)(`systemd-analyze${analyze.note}`, () => {
  /** With programs that are here: systemd looks whether they are. */
  function installed(): { path: string; remove(): void } {
    const directory = temporaryDirectory('systemd')
    const path = join(directory.path, 'sluice.service')
    const text = unit
      .replaceAll('/usr/bin/node', process.execPath)
      .replaceAll('/opt/sluice/bin/sluice.js', COMMAND)
      .replaceAll('/etc/sluice/secrets.env', '-/etc/sluice/secrets.env')
    writeFileSync(path, text)
    return { path, remove: () => directory.remove() }
  }

  it('takes it without a word', () => {
    const copy = installed()
    const said = execFileSync(
      'bash',
      ['--norc', '-c', `systemd-analyze verify --man=no '${copy.path}' 2>&1`],
      {
        encoding: 'utf8',
      },
    )
    copy.remove()
    expect(said).toBe('')
  })

  it('finds little that the service could do to the system', () => {
    const copy = installed()
    const said = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', copy.path], {
      encoding: 'utf8',
    })
    copy.remove()
    expect(Number(/exposure level for sluice\.service: ([\d.]+)/.exec(said)?.[1])).toBeLessThan(EXPOSURE_MAX)
  })
})
