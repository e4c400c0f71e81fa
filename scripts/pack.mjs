/**
 * Packs what a registry gets, into a folder, and prints the files:
 *
 *   node scripts/pack.mjs FOLDER [--every-platform] [client react server gateway]
 *
 * The gateway comes with a package of native binaries for this kind of machine. For a registry, `--every-platform` makes those
 * for all, from the packages of the lock file as npm has them, with their integrity.
 */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BUNDLED } from './program.mjs'
import { binariesManifest, publishedFiles, publishedManifest, reachedFrom } from './published.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const ALL = ['client', 'react', 'server', 'gateway']

const words = process.argv.slice(2)
const everyPlatform = words.includes('--every-platform')
const [folder, ...named] = words.filter((word) => word !== '--every-platform')
const unknown = named.filter((name) => !ALL.includes(name))
if (folder === undefined || unknown.length > 0) {
  const what = folder === undefined ? 'where to?' : `there is no ${unknown.join(', ')}.`
  console.error(`pack: ${what} node scripts/pack.mjs FOLDER [--every-platform] [${ALL.join(' ')}]`)
  process.exit(1)
}
const target = resolve(folder)
mkdirSync(target, { recursive: true })
execFileSync(process.execPath, [join(root, 'scripts', 'build.mjs')], {
  stdio: ['ignore', 'inherit', 'inherit'],
})
const { SUPPLIES } = await import('../dist/drivers/uws-choice.js')
const { binariesPackage } = await import('../dist/package-names.js')

const read = (path) => readFileSync(join(root, path), 'utf8')
const manifest = JSON.parse(read('package.json'))
const staging = mkdtempSync(join(tmpdir(), 'sluice-pack-'))
try {
  for (const name of named.length > 0 ? named : ALL) {
    if (name === 'gateway') packGateway()
    else console.log(pack(join(root, 'packages', name)))
  }
} finally {
  rmSync(staging, { recursive: true })
}

function npm(cwd, ...args) {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 26 })
}

/** The path of the file that was made. */
function pack(from) {
  const line = npm(from, 'pack', '--silent', '--ignore-scripts', '--pack-destination', target)
  return join(target, line.trim())
}

function packGateway() {
  const machines = [...new Set(SUPPLIES.flatMap(({ builds }) => Object.keys(builds)))].map((build) =>
    build.split(' '),
  )
  const wanted = machines.filter(
    ([platform, arch]) => everyPlatform || (platform === process.platform && arch === process.arch),
  )
  const stage = join(staging, 'gateway')
  const [{ files }] = JSON.parse(npm(root, 'pack', '--dry-run', '--json', '--ignore-scripts'))
  for (const path of publishedFiles(
    files.map((file) => file.path),
    read,
  ))
    cpSync(join(root, path), join(stage, path))
  for (const name of BUNDLED) bringTypes(name, stage)
  const supplies = SUPPLIES.map((supply) => supply.package)
  const binaries = wanted.map(([platform, arch]) => binariesPackage(platform, arch))
  writeFileSync(
    join(stage, 'package.json'),
    `${JSON.stringify(publishedManifest(manifest, supplies, binaries, BUNDLED), null, 2)}\n`,
  )
  console.log(pack(stage))
  for (const [platform, arch] of wanted) console.log(pack(stageBinaries(platform, arch)))
}

/** Types of the gateway are made of those of what is bundled: they come along, and are found by a path. */
function bringTypes(name, stage) {
  const from = join('node_modules', name)
  const folder = join('dist', 'types', name)
  for (const path of reachedFrom([join(from, 'index.d.ts')], read))
    cpSync(join(root, path), join(stage, folder, relative(from, path)))
  cpSync(join(root, from, 'LICENSE'), join(stage, folder, 'LICENSE'))
  for (const path of readdirSync(join(stage, 'dist'), { recursive: true })) {
    if (!path.endsWith('.d.ts') || path.startsWith('types')) continue
    const file = join(stage, 'dist', path)
    const types = relative(dirname(file), join(stage, folder, 'index.js'))
      .split(sep)
      .join('/')
    const place = types.startsWith('.') ? types : `./${types}`
    const text = readFileSync(file, 'utf8')
    writeFileSync(
      file,
      text.replaceAll(new RegExp(`((?:from |import\\()['"])${name}(?=['"])`, 'g'), `$1${place}`),
    )
  }
}

/** The binaries lie in it as in the packages that they are from; which is which, and whose, stands beside them. */
function stageBinaries(platform, arch) {
  const name = binariesPackage(platform, arch)
  const stage = join(staging, name)
  const origins = []
  for (const supply of SUPPLIES.filter(({ builds }) => Object.hasOwn(builds, `${platform} ${arch}`))) {
    const { from, integrity } = originOf(supply)
    for (const abi of Object.keys(supply.nodes)) {
      const file = supply.fileOf({ platform, arch, abi })
      if (!existsSync(join(from, file)))
        fail(`${supply.package} has no ${file} any more; npm ci brings it back`)
      cpSync(join(from, file), join(stage, file))
      origins.push(`| \`${file}\` | \`${supply.package}\` ${supply.version} | \`${integrity}\` |`)
    }
    if (existsSync(join(from, 'LICENSE'))) cpSync(join(from, 'LICENSE'), join(stage, 'LICENSE'))
  }
  if (!existsSync(join(stage, 'LICENSE'))) fail(`no licence came with the binaries for ${platform} ${arch}`)
  const about = `# ${name}

Binaries of [uWebSockets.js](https://github.com/uNetworking/uWebSockets.js) for ${platform} ${arch}, which is under the Apache License 2.0
(\`LICENSE\`). They are unchanged, from packages of npm; \`${manifest.name}\` loads the one that fits Node and the C library.

| file | from | integrity of that package |
| --- | --- | --- |
${origins.join('\n')}
`
  writeFileSync(join(stage, 'README.md'), about)
  writeFileSync(
    join(stage, 'package.json'),
    `${JSON.stringify(binariesManifest(name, manifest.version, platform, arch), null, 2)}\n`,
  )
  return stage
}

/** Where a package with binaries lies unpacked: for a registry, as npm has it and not as it may have become in node_modules. */
function originOf({ package: name, version }) {
  const { integrity } = JSON.parse(read('package-lock.json')).packages[`node_modules/${name}`]
  const from = everyPlatform ? join(staging, 'origin', name) : join(root, 'node_modules', name)
  if (everyPlatform && !existsSync(from)) {
    mkdirSync(from, { recursive: true })
    const options = ['--json', '--prefer-offline', '--pack-destination', dirname(from)]
    const [made] = JSON.parse(npm(root, 'pack', `${name}@${version}`, ...options))
    if (made.integrity !== integrity)
      fail(`${name}@${version} is not the one of package-lock.json: ${made.integrity}`)
    execFileSync('tar', ['-xzf', join(dirname(from), made.filename), '-C', from, '--strip-components=1'])
  }
  return { from, integrity }
}

/** Thrown, so that what was begun is removed. */
function fail(sentence) {
  throw new Error(`pack: ${sentence}`)
}
