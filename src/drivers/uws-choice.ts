/**
 * Which native binary of uWebSockets.js fits a machine. Pure: what the machine is and what is installed is told.
 *
 * The author publishes on GitHub only, so two packages of npm bring binaries. None of them has one for everything: the
 * older needs little of the C library but knows no Node above 20; the newer knows them and asks for glibc 2.38. Binaries
 * of Node 20 that answer 505 to a request line in two segments are in other packages: whoever adds one here, run
 * `test/protocol/request-line.test.ts` with it.
 */
import { binariesPackage } from '../package-names.ts'

/** glibc with its version at run time, another C library, or none to speak of (not Linux). */
export type CLibrary =
  { readonly name: 'glibc'; readonly version: string } | { readonly name: 'musl' | 'unknown' | 'none' }

export interface Host {
  readonly nodeVersion: string
  /** `process.versions.modules`: what a binary was built for. */
  readonly abi: string
  readonly platform: string
  readonly arch: string
  readonly libc: CLibrary
}

/** Binaries that a package of npm brings. */
export interface Supply {
  readonly package: string
  readonly version: string
  /** By ABI: which Node that is. */
  readonly nodes: Readonly<Record<string, string>>
  /** By platform and architecture: the least glibc its ELF asks for (`.gnu.version_r`; a test reads it), or any. */
  readonly builds: Readonly<Record<string, string | undefined>>
  /** Whether its WebSockets tell of a message that found their buffer full (`dropped`, since 20.31). */
  readonly tellsDropped: boolean
  fileOf(host: Host): string
}

/** In order of preference: first the one that tells of dropped messages, which else have to be looked for. */
export const SUPPLIES: readonly Supply[] = [
  {
    package: '@btc-vision/uwebsockets.js',
    version: '20.57.0',
    nodes: { 115: '20', 127: '22', 137: '24', 141: '25' },
    builds: {
      'linux x64': '2.38',
      'linux arm64': '2.38',
      'darwin x64': undefined,
      'darwin arm64': undefined,
      'win32 x64': undefined,
    },
    tellsDropped: true,
    fileOf: ({ platform, arch, abi }) => `uws_${platform}_${arch}_${abi}.node`,
  },
  {
    package: '@trufflesuite/uws-js-unofficial',
    version: '20.30.0-unofficial.0',
    nodes: { 115: '20' },
    builds: {
      'linux x64': '2.27',
      'linux arm64': '2.27',
      'linux arm': '2.28',
      'darwin x64': undefined,
      'darwin arm64': undefined,
      'win32 x64': undefined,
    },
    tellsDropped: false,
    // Not by the package's `main`: that falls back to a slow imitation in JavaScript where the binary does not load.
    fileOf: ({ platform, arch, abi }) => `binaries/uws_${platform}_${arch}_${abi}.node`,
  },
]

/** The name under which the author's package is installed. */
export const AUTHORS_PACKAGE = 'uWebSockets.js'
/** As its issues say: this one was the last to run with less than glibc 2.38. */
const AUTHORS_OLDER = { version: 'v20.52.0', glibc: '2.35', abis: ['115', '127', '137'] }
const AUTHORS_LINE = `npm install uNetworking/${AUTHORS_PACKAGE}#`

export type Choice =
  | { readonly kind: 'package'; readonly supply: Supply; readonly file: string; readonly why: string }
  | { readonly kind: 'author'; readonly why: string }
  /** None fits: one sentence that says why and what to do. */
  | { readonly kind: 'none'; readonly sentence: string }

export interface Installed {
  /** The version of the author's own package, where somebody has installed it. */
  readonly author: string | undefined
  has(supply: Supply, file: string): boolean
}

export function chooseBinary(host: Host, installed: Installed): Choice {
  if (installed.author !== undefined) {
    return {
      kind: 'author',
      why: `${AUTHORS_PACKAGE} ${installed.author}, the author's own package, since it is installed`,
    }
  }
  const missing: string[] = []
  for (const supply of SUPPLIES) {
    if (!fits(supply, host)) continue
    const file = supply.fileOf(host)
    if (installed.has(supply, file)) {
      const why = `${supply.package} ${supply.version} (${file}), built for Node ${supply.nodes[host.abi]}${needs(supply, host)}`
      return { kind: 'package', supply, file, why }
    }
    missing.push(`${supply.package}/${file}`)
  }
  return {
    kind: 'none',
    sentence: `there is no binary of uWebSockets.js for ${nameOf(host)}: ${wayOut(host, missing)}`,
  }
}

/** Compares dotted numbers: 2.4 is older than 2.38. */
export function isAtLeast(version: string, least: string): boolean {
  const [has, needed] = [version, least].map((text) => text.split('.').map(Number))
  for (const [index, part] of (needed as number[]).entries()) {
    const difference = ((has as number[])[index] ?? 0) - part
    if (difference !== 0) return difference > 0
  }
  return true
}

function buildOf({ platform, arch }: Host): string {
  return `${platform} ${arch}`
}

function fits(supply: Supply, host: Host): boolean {
  if (supply.nodes[host.abi] === undefined || !Object.hasOwn(supply.builds, buildOf(host))) return false
  const least = supply.builds[buildOf(host)]
  return least === undefined || (host.libc.name === 'glibc' && isAtLeast(host.libc.version, least))
}

function needs(supply: Supply, host: Host): string {
  const least = supply.builds[buildOf(host)]
  return least === undefined || host.libc.name !== 'glibc'
    ? ` on ${buildOf(host)}`
    : ` on ${buildOf(host)} with glibc ${least} or later (here ${host.libc.version})`
}

function nameOf(host: Host): string {
  const library = {
    glibc: host.libc.name === 'glibc' ? ` with glibc ${host.libc.version}` : '',
    musl: ' with musl',
    unknown: ' with an unknown C library',
    none: '',
  }[host.libc.name]
  return `Node ${host.nodeVersion} (ABI ${host.abi}) on ${buildOf(host)}${library}`
}

/** What the operator can do about it, the least trouble first. */
function wayOut(host: Host, missing: readonly string[]): string {
  if (missing.length > 0) {
    const ours = binariesPackage(host.platform, host.arch)
    return `${missing.join(' or ')} would fit and is not installed; npm install ${ours} installs it, in a clone npm ci`
  }
  const forBuild = SUPPLIES.filter(({ builds }) => Object.hasOwn(builds, buildOf(host)))
  if (forBuild.length === 0) {
    const builds = [...new Set(SUPPLIES.flatMap((supply) => Object.keys(supply.builds)))]
    return `they are made for ${builds.join(', ')}`
  }
  if (host.platform === 'linux' && host.libc.name !== 'glibc') {
    return 'they need glibc: use an image with it (node:24-trixie-slim rather than node:24-alpine)'
  }
  const forNode = forBuild.filter(({ nodes }) => nodes[host.abi] !== undefined)
  if (forNode.length === 0) {
    const others = [...new Set(forBuild.flatMap(({ nodes }) => Object.values(nodes)))].join(', ')
    return `use Node ${others}, or a release of the author's own package that names your Node: ${AUTHORS_LINE}VERSION`
  }
  return outOfGlibc(host, forBuild, forNode)
}

/** Only the C library is too old. */
function outOfGlibc(host: Host, forBuild: readonly Supply[], forNode: readonly Supply[]): string {
  const version = host.libc.name === 'glibc' ? host.libc.version : '0'
  const least = forNode
    .map(({ builds }) => builds[buildOf(host)] as string)
    .toSorted((a, b) => (isAtLeast(a, b) ? 1 : -1))
    .join(' or ')
  const ways = [`use a system with glibc ${least} or later (Debian 13, Ubuntu 24.04)`]
  const humbler = forBuild.find(({ builds }) => isAtLeast(version, builds[buildOf(host)] as string))
  if (humbler !== undefined) ways.unshift(`use Node ${Object.values(humbler.nodes).join(', ')}`)
  if (isAtLeast(version, AUTHORS_OLDER.glibc) && AUTHORS_OLDER.abis.includes(host.abi)) {
    ways.push(`install the author's own package: ${AUTHORS_LINE}${AUTHORS_OLDER.version}`)
  }
  return ways.join(', or ')
}
