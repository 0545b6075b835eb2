/** Runs `s3rver`, a server of others that speaks S3, as a process of its own: DIRECTORY BUCKET KEY CERTIFICATE. */
import { readFileSync } from 'node:fs';
import S3rver from 's3rver';

const [directory = '', bucket = '', key = '', certificate = ''] = process.argv.slice(2);
const server = new S3rver({
  address: '127.0.0.1',
  port: 0,
  key: readFileSync(key),
  cert: readFileSync(certificate),
  silent: true,
  directory,
  configureBuckets: [{ name: bucket }],
});
const { port } = await server.run();
console.log(port);
