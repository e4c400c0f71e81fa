/**
 * What npm runs before it publishes this folder: it refuses. The folder's own package is that of a clone: it works where it is
 * installed, and brings the binaries for every machine and what only few configurations need. A registry gets the one of
 * `scripts/pack.mjs`.
 */
console.error(
  'prepublish: this folder packs as a clone, some four times what a gateway needs: node scripts/pack.mjs FOLDER makes what a registry gets (npm publish FOLDER/FILE.tgz)',
)
process.exit(1)
