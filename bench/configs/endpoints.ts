import type { CertificateFiles } from "../certificate.ts";

/** Where a proxy under test listens, what it forwards to, and the files it may write. */
export interface Endpoints {
  listenPort: number;
  backendPort: number;
  /** Folder of this proxy alone. */
  folder: string;
  accessLogFile: string;
  certificate: CertificateFiles;
}
