/** What tests use of `s3rver`, which brings no types. */
declare module 's3rver' {
  interface Settings {
    address: string;
    port: number;
    key: Buffer;
    cert: Buffer;
    silent: boolean;
    directory: string;
    configureBuckets: { name: string }[];
  }

  class S3rver {
    constructor(settings: Settings);
    run(): Promise<{ port: number }>;
  }

  export = S3rver;
}
