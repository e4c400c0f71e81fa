import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { cLibraryOf, loadUws } from '../../../src/drivers/uws-binary.ts'
import {
  chooseBinary,
  isAtLeast,
  SUPPLIES,
  type Choice,
  type Host,
  type Installed,
} from '../../../src/drivers/uws-choice.ts'
import { leastGlibcOf } from '../../support/elf.ts'

const ALL: Installed = { author: undefined, has: () => true }
const ABI: Readonly<Record<string, string>> = {
  18: '108',
  20: '115',
  22: '127',
  24: '137',
  25: '141',
  26: '147',
}

function host(node: number, glibc: string, where: Partial<Host> = {}): Host {
  return {
    nodeVersion: `${node}.1.0`,
    abi: ABI[node] as string,
    platform: 'linux',
    arch: 'x64',
    libc: { name: 'glibc', version: glibc },
    ...where,
  }
}

function fileOf(choice: Choice): string {
  return choice.kind === 'package' ? `${choice.supply.package}/${choice.file}` : choice.kind
}

const OLDER = '@trufflesuite/uws-js-unofficial/binaries'
const NEWER = '@btc-vision/uwebsockets.js'

describe('the binary for', () => {
  it.each([
    ['Node 20, Debian 12', host(20, '2.36'), `${OLDER}/uws_linux_x64_115.node`],
    ['Node 20, Debian 13', host(20, '2.41'), `${NEWER}/uws_linux_x64_115.node`],
    ['Node 20, the least glibc', host(20, '2.27'), `${OLDER}/uws_linux_x64_115.node`],
    ['Node 20, arm64', host(20, '2.36', { arch: 'arm64' }), `${OLDER}/uws_linux_arm64_115.node`],
    ['Node 20, arm', host(20, '2.36', { arch: 'arm' }), `${OLDER}/uws_linux_arm_115.node`],
    ['Node 22, Debian 13', host(22, '2.41'), `${NEWER}/uws_linux_x64_127.node`],
    ['Node 24, Debian 13', host(24, '2.41'), `${NEWER}/uws_linux_x64_137.node`],
    ['Node 24, the least glibc', host(24, '2.38'), `${NEWER}/uws_linux_x64_137.node`],
    ['Node 25, arm64', host(25, '2.41', { arch: 'arm64' }), `${NEWER}/uws_linux_arm64_141.node`],
    [
      'Node 24, macOS',
      host(24, '', { platform: 'darwin', arch: 'arm64', libc: { name: 'none' } }),
      `${NEWER}/uws_darwin_arm64_137.node`,
    ],
    [
      'Node 20, Windows',
      host(20, '', { platform: 'win32', libc: { name: 'none' } }),
      `${NEWER}/uws_win32_x64_115.node`,
    ],
  ])('%s', (_, machine, file) => {
    expect(fileOf(chooseBinary(machine, ALL))).toBe(file)
  })

  it('Node 20 is the older where only that is installed', () => {
    const installed: Installed = { ...ALL, has: (supply) => supply.package !== NEWER }
    expect(fileOf(chooseBinary(host(20, '2.41'), installed))).toBe(`${OLDER}/uws_linux_x64_115.node`)
  })

  it('any machine is that of the author where somebody has installed it', () => {
    const installed: Installed = { ...ALL, author: '20.52.0' }
    for (const machine of [host(20, '2.36'), host(22, '2.36'), host(26, '2.31')]) {
      expect(chooseBinary(machine, installed)).toEqual({
        kind: 'author',
        why: "uWebSockets.js 20.52.0, the author's own package, since it is installed",
      })
    }
  })

  it('is named with the reason for it', () => {
    expect(chooseBinary(host(24, '2.41'), ALL)).toMatchObject({
      why: `${NEWER} 20.57.0 (uws_linux_x64_137.node), built for Node 24 on linux x64 with glibc 2.38 or later (here 2.41)`,
    })
  })
})

const NOT_GLIBC = 'they need glibc: use an image with it (node:24-trixie-slim rather than node:24-alpine)'

describe('where none fits, one sentence says what to do for', () => {
  it.each([
    [
      'Node 22, Debian 12',
      host(22, '2.36'),
      'Node 22.1.0 (ABI 127) on linux x64 with glibc 2.36: use Node 20, or use a system with glibc 2.38 or later ' +
        "(Debian 13, Ubuntu 24.04), or install the author's own package: npm install uNetworking/uWebSockets.js#v20.52.0",
    ],
    [
      'Node 25, Debian 12, for which the author has no old binary either',
      host(25, '2.36'),
      'Node 25.1.0 (ABI 141) on linux x64 with glibc 2.36: use Node 20, or use a system with glibc 2.38 or later ' +
        '(Debian 13, Ubuntu 24.04)',
    ],
    [
      'Node 24, Debian 11',
      host(24, '2.31'),
      'Node 24.1.0 (ABI 137) on linux x64 with glibc 2.31: use Node 20, or use a system with glibc 2.38 or later ' +
        '(Debian 13, Ubuntu 24.04)',
    ],
    [
      'Node 20, CentOS 7',
      host(20, '2.17'),
      'Node 20.1.0 (ABI 115) on linux x64 with glibc 2.17: use a system with glibc 2.27 or 2.38 or later ' +
        '(Debian 13, Ubuntu 24.04)',
    ],
    [
      'Alpine',
      host(24, '', { libc: { name: 'musl' } }),
      `Node 24.1.0 (ABI 137) on linux x64 with musl: ${NOT_GLIBC}`,
    ],
    [
      'a C library that nobody knows',
      host(20, '', { libc: { name: 'unknown' } }),
      `Node 20.1.0 (ABI 115) on linux x64 with an unknown C library: ${NOT_GLIBC}`,
    ],
    [
      'a Node that is too new',
      host(26, '2.41'),
      "Node 26.1.0 (ABI 147) on linux x64 with glibc 2.41: use Node 20, 22, 24, 25, or a release of the author's own " +
        'package that names your Node: npm install uNetworking/uWebSockets.js#VERSION',
    ],
    [
      'a processor that nobody builds for',
      host(24, '2.41', { arch: 'riscv64' }),
      'Node 24.1.0 (ABI 137) on linux riscv64 with glibc 2.41: they are made for linux x64, linux arm64, ' +
        'darwin x64, darwin arm64, win32 x64, linux arm',
    ],
  ])('%s', (_, machine, sentence) => {
    expect(chooseBinary(machine, ALL)).toEqual({
      kind: 'none',
      sentence: `there is no binary of uWebSockets.js for ${sentence}`,
    })
  })

  it('a package that was not installed whole', () => {
    const sentence =
      'there is no binary of uWebSockets.js for Node 24.1.0 (ABI 137) on linux x64 with glibc 2.41: ' +
      '@btc-vision/uwebsockets.js/uws_linux_x64_137.node would fit and is not installed; ' +
      'npm install @sluice/uws-linux-x64 installs it, in a clone npm ci'
    expect(chooseBinary(host(24, '2.41'), { ...ALL, has: () => false })).toEqual({ kind: 'none', sentence })
  })
})

describe('the table says of each binary for Linux the glibc that its ELF asks for:', () => {
  const rows = SUPPLIES.flatMap((supply) =>
    Object.keys(supply.nodes).flatMap((abi) =>
      Object.entries(supply.builds).map(([build, least]) => ({ supply, abi, build, least })),
    ),
  )
  it.each(rows)('$supply.package $build, ABI $abi', ({ supply, abi, build, least }) => {
    const [platform, arch] = build.split(' ') as [string, string]
    const file = supply.fileOf({ ...host(20, ''), abi, platform, arch })
    const path = new URL(`../../../node_modules/${supply.package}/${file}`, import.meta.url)
    expect(existsSync(path), file).toBe(true)
    if (platform === 'linux') expect(leastGlibcOf(readFileSync(path))).toBe(least)
  })

  it('and the versions that are installed', () => {
    const { dependencies } = JSON.parse(
      readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
    ) as { readonly dependencies: Readonly<Record<string, string>> }
    for (const supply of SUPPLIES) expect(dependencies[supply.package]).toBe(supply.version)
  })
})

describe('the C library in a diagnostic report is', () => {
  it.each([
    ['glibc', { header: { glibcVersionRuntime: '2.36' } }, { name: 'glibc', version: '2.36' }],
    ['musl', { header: {}, sharedObjects: ['/lib/ld-musl-x86_64.so.1'] }, { name: 'musl' }],
    ['musl', { header: {}, sharedObjects: ['/lib/libc.musl-x86_64.so.1'] }, { name: 'musl' }],
    ['unknown', { header: {}, sharedObjects: ['/usr/lib/libstdc++.so.6'] }, { name: 'unknown' }],
  ])('%s', (_, report, library) => {
    expect(cLibraryOf(report)).toEqual(library)
  })
})

it.each([
  ['2.38', '2.38', true],
  ['2.41', '2.38', true],
  ['2.4', '2.38', false],
  ['2.36', '2.38', false],
  ['3.0', '2.38', true],
  ['2', '2.1', false],
  ['2.38.1', '2.38', true],
])('%s is at least %s: %s', (version, least, answer) => {
  expect(isAtLeast(version, least)).toBe(answer)
})

it('one binary is loaded and reported, once', () => {
  const library = loadUws()
  expect(library.why).toContain('uws')
  expect(loadUws()).toBe(library)
})
