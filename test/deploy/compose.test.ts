/**
 * deploy/compose.yaml: what it names is there, its parts fit each other, and each part takes its file. Where there is `docker-compose`
 * it has its say about the form as well.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { configCheck, configOf, MARGIN_MS, SECRETS } from '../support/config-check.ts'
import { programOr } from '../support/program.ts'
import { promtool } from '../support/promtool.ts'
import { freePort, ServerProcess, temporaryDirectory } from '../support/server-process.ts'
import { durationMs } from '../../src/config/units.ts'

interface Service {
  readonly image: string
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly command?: readonly string[]
  readonly hostname?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly networks: readonly string[] | Readonly<Record<string, { readonly ipv4_address: string }>>
  readonly depends_on?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly stop_grace_period?: string
  readonly user?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly restart?: string
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: Readonly<
    Record<string, { readonly ipam: { readonly config: readonly { readonly subnet: string }[] } }>
  >
  readonly volumes: Readonly<Record<string, null>>
}

const FILE = fileURLToPath(new URL('../../deploy/compose.yaml', import.meta.url))
const FOLDER = dirname(FILE)
const compose = parse(readFileSync(FILE, 'utf8'), { merge: true }) as Compose
const services = Object.entries(compose.services)
const named = (start: string): [string, Service][] => services.filter(([name]) => name.startsWith(start))
const gateways = named('node-')
const file = (name: string): string => join(FOLDER, 'compose', name)
const text = (name: string): string => readFileSync(file(name), 'utf8')
const config = configOf(file('sluice.yaml'), SECRETS)

function networksOf({ networks }: Service): string[] {
  return Array.isArray(networks) ? [...(networks as string[])] : Object.keys(networks)
}

function addressOf(name: string): string | undefined {
  const { networks } = compose.services[name] as Service
  return Array.isArray(networks)
    ? undefined
    : (networks as Record<string, { ipv4_address: string }>)['cluster']?.ipv4_address
}

function seconds(time: string): number {
  return (durationMs(time) as number) / 1000
}

describe('deploy/compose.yaml', () => {
  it('has all parts', () => {
    expect(services.map(([name]) => name).sort()).toEqual([
      ...['grafana', 'haproxy', 'nats-1', 'nats-2', 'nats-3', 'node-1', 'node-2', 'node-3', 'prometheus'],
      ...['redis-1', 'redis-2', 'sentinel-1', 'sentinel-2', 'sentinel-3'],
    ])
  })

  it.each(services)('%s names what is there', (_name, service) => {
    for (const other of service.depends_on ?? []) expect(compose.services).toHaveProperty([other])
    for (const network of networksOf(service)) expect(compose.networks).toHaveProperty([network])
    for (const volume of service.volumes ?? []) {
      const [from = ''] = volume.split(':')
      if (from.startsWith('.')) expect(existsSync(join(FOLDER, from)), from).toBe(true)
      else expect(compose.volumes).toHaveProperty([from])
    }
    const { build } = service
    if (build === undefined) expect(service.image).toMatch(/^[\w/-]+:v?\d+\.\d+\.\d+(-alpine)?$/)
    else expect(existsSync(join(FOLDER, build.context, build.dockerfile))).toBe(true)
  })

  it.each(services)('%s has a health check, of its own or of its image', (_name, service) => {
    const own = service.healthcheck?.test[0] === 'CMD'
    const dockerfile = readFileSync(join(FOLDER, '../Dockerfile'), 'utf8')
    expect(own || (service.build !== undefined && /^HEALTHCHECK /m.test(dockerfile))).toBe(true)
  })

  it.each(services)('%s may do nothing special, and comes back when it ends', (name, service) => {
    expect(service.cap_drop).toEqual(['ALL'])
    expect(service.security_opt).toEqual(['no-new-privileges:true'])
    expect(service.read_only).toBe(name !== 'grafana')
    expect(service.restart).toBe('unless-stopped')
  })

  it.each([...named('redis-'), ...named('sentinel-')])(
    '%s is not of root, although a shell begins it',
    (_name, service) => {
      expect(service.user).toBe('redis')
      expect(service.command?.[0]).toBe('sh')
    },
  )

  it('lets the world to the balancer only', () => {
    const published = services.flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port] as const))
    const open = published.filter(([, port]) => !port.startsWith('127.0.0.1:'))
    expect(open).toEqual([['haproxy', '8080:8080']])
    const places = published.map(([, port]) => port.split(':').at(-2))
    expect(new Set(places).size).toBe(places.length)
  })

  it('has no secret in it, and asks for those that are not set', () => {
    const written = JSON.stringify(compose).match(/(SECRET|KEYS|PASSWORD)":"[^,}]*/g) ?? []
    expect(written.length).toBeGreaterThan(3)
    for (const one of written) expect(one).toMatch(/\$\{[A-Z_]+:\?/)
  })
})

describe('its gateways', () => {
  it.each(gateways)('%s has a configuration that can be used, without a warning', (_name, service) => {
    const mounted = (service.volumes ?? []).find((volume) => volume.includes(':/etc/sluice.yaml'))
    expect(mounted).toBe('./compose/sluice.yaml:/etc/sluice.yaml:ro')
    expect(service.command).toEqual(['serve', '--config', '/etc/sluice.yaml'])
    expect(configCheck(file('sluice.yaml'), SECRETS)).toEqual({
      code: 0,
      said: 'the configuration is good\n',
    })
  })

  it.each(gateways)('%s has the time that its drain may take', (name, service) => {
    expect(service.hostname).toBe(name)
    const { deadline } = config.drain
    expect(seconds(service.stop_grace_period as string) * 1000).toBeGreaterThanOrEqual(
      (deadline as number) + MARGIN_MS,
    )
  })

  it('believe the balancer, and nobody else', () => {
    expect(config.trustedProxies).toEqual([addressOf('haproxy')])
    expect(config.proxyProtocol).toBe(true)
    expect(text('haproxy.cfg')).toMatch(/^ *default-server .*\bsend-proxy-v2\b/m)
  })

  it('know all NATS servers and Sentinels', () => {
    expect(config.nats.url.map((url) => new URL(url).hostname)).toEqual(named('nats-').map(([name]) => name))
    expect(config.durable.replicas).toBe(3)
    const hosts = config.redis.url.map((url) => /^sentinel:\/\/([\d.]+):26379\/sluice$/.exec(url)?.[1])
    expect(hosts).toEqual(named('sentinel-').map(([name]) => addressOf(name)))
  })

  it('are those that HAProxy and Prometheus know, each on the right listener', () => {
    const servers = [...text('haproxy.cfg').matchAll(/^ *server (\S+) (\S+):(\d+)$/gm)].map((match) =>
      match.slice(1),
    )
    expect(servers).toEqual(gateways.map(([name]) => [name, name, String(config.port)]))
    expect(text('haproxy.cfg')).toContain(`check port ${config.api.port} `)
    const { scrape_configs: jobs } = parse(
      readFileSync(join(FOLDER, 'prometheus/prometheus.yml'), 'utf8'),
    ) as {
      scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[]
    }
    expect(jobs.map(({ job_name: job }) => job)).toEqual(['sluice'])
    expect(jobs[0]?.static_configs[0]?.targets).toEqual(
      gateways.map(([name]) => `${name}:${config.api.port}`),
    )
  })

  it('are left alone by the balancer before they stop taking connections', () => {
    const [, every, fall] = /inter (\d+)s fall (\d+)/.exec(text('haproxy.cfg')) ?? []
    expect(Number(every) * Number(fall) * 1000).toBeLessThan(config.drain.deregisterDelay)
  })
})

describe('its other parts', () => {
  it('HAProxy takes its file', () => {
    execFileSync('haproxy', ['-c', '-f', file('haproxy.cfg')], {
      stdio: 'pipe',
      env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` },
    })
  })

  it.each(named('nats-'))('%s takes its file, and knows the others', (name, { environment = {} }) => {
    execFileSync('nats-server', ['-t', '-c', file('nats.conf')], {
      stdio: 'pipe',
      env: { ...process.env, ...environment, PATH: `${process.env['PATH']}:/usr/sbin` },
    })
    expect(environment['SERVER_NAME']).toBe(name)
    expect(text('nats.conf').match(/nats-\d(?=:6222)/g)).toEqual(named('nats-').map(([server]) => server))
  })

  /** The file with a folder that is there: the server looks for it while it reads. */
  function copied(name: string): { path: string; remove(): void } {
    const directory = temporaryDirectory('compose')
    const path = join(directory.path, name)
    const content = text(name)
    expect(content).toContain('\ndir /data\n')
    writeFileSync(path, content.replace('\ndir /data\n', `\ndir ${directory.path}\n`))
    return { path, remove: () => directory.remove() }
  }

  it.each(named('redis-'))(
    '%s starts with its file, and throws nothing away',
    async (name, { command = [] }) => {
      // Into a copy that it may write to: Sentinels have it note there whom it follows.
      const [shell, , script] = command as [string, string, string]
      expect(shell).toBe('sh')
      expect(script).toMatch(
        /cp \/etc\/redis\.conf \/data\/redis\.conf[\s\S]*exec redis-server \/data\/redis\.conf$/m,
      )
      const [, primary] = /echo 'replicaof (\S+) 6379'/.exec(script) ?? []
      const copy = copied('redis.conf')
      const port = await freePort()
      const server = await ServerProcess.start({
        program: 'redis-server',
        install: 'apt-get install redis-server',
        args: [copy.path, '--bind', '127.0.0.1', '--port', String(port)],
        ready: 'Ready to accept connections',
      })
      const policy = execFileSync('redis-cli', ['-p', String(port), 'config', 'get', 'maxmemory-policy'])
      await server.kill()
      copy.remove()
      expect(policy.toString()).toContain('noeviction')
      expect(primary).toBe(name === 'redis-1' ? undefined : addressOf('redis-1'))
    },
  )

  it('Sentinels start with their file, and watch the server that is the primary at first', async () => {
    const copy = copied('sentinel.conf')
    const port = await freePort()
    const sentinel = await ServerProcess.start({
      program: 'redis-server',
      install: 'apt-get install redis-server',
      args: [copy.path, '--sentinel', '--bind', '127.0.0.1', '--port', String(port)],
      ready: '+monitor',
    })
    const watched = execFileSync('redis-cli', [
      '-p',
      String(port),
      'sentinel',
      'get-master-addr-by-name',
      'sluice',
    ])
    await sentinel.kill()
    copy.remove()
    expect(watched.toString().trim().split('\n')).toEqual([addressOf('redis-1'), '6379'])
  })

  it('Grafana finds its source and its dashboards', () => {
    const { volumes = [] } = compose.services['grafana'] as Service
    const provisioned = (kind: string, name: string): unknown =>
      parse(readFileSync(join(FOLDER, 'grafana/provisioning', kind, name), 'utf8'))
    const { datasources } = provisioned('datasources', 'prometheus.yaml') as {
      datasources: { url: string }[]
    }
    const [source] = datasources
    expect(compose.services).toHaveProperty([new URL(source?.url as string).hostname])
    const { providers } = provisioned('dashboards', 'sluice.yaml') as {
      providers: { options: { path: string } }[]
    }
    const [{ options }] = providers as [{ options: { path: string } }]
    expect(volumes).toContain(`./grafana:${options.path}:ro`)
    expect(statSync(join(FOLDER, 'grafana/overview.json')).isFile()).toBe(true)
  })
})

describe.skipIf(promtool.missing !== undefined)(`Prometheus${promtool.note}`, () => {
  it('takes its file, and finds the alerts', () => {
    const said = execFileSync('promtool', ['check', 'config', join(FOLDER, 'prometheus/prometheus.yml')], {
      encoding: 'utf8',
      stdio: 'pipe',
    })
    expect(said).toContain('1 rule files found')
  })
})

const dockerCompose = programOr('docker-compose', 'apt-get install docker-compose')
describe.skipIf(dockerCompose.missing !== undefined)(`docker-compose${dockerCompose.note}`, () => {
  const run = (env: NodeJS.ProcessEnv): string =>
    execFileSync('docker-compose', ['--file', FILE, 'config', '--quiet'], {
      encoding: 'utf8',
      stdio: 'pipe',
      cwd: mkdtempSync(join(temporaryDirectory('compose').path, 'empty-')),
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    })

  it('takes the file', () => {
    expect(run({ ...SECRETS, GRAFANA_PASSWORD: 'any' })).toBe('')
  })

  it('refuses to start without secrets, and says where to look', () => {
    expect(() => run({})).toThrow('see the head of deploy/compose.yaml')
  })
})
