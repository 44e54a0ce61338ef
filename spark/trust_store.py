"""Certificates that a MySQL driver trusts, as the Java store that is all it reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError

from spark.errors import CertificatesRefused

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: Of a store that holds certificates and no keys; Java wants one.
_PASSWORD = "certificates"  # noqa: S105
#: Below the working directory of the driver and of every executor.
_NAME = "lake-authorities.jks"


def trust_options(url: str) -> dict[str, str]:
    """Connector/J's options for the store at a URL."""
    return {
        "trustCertificateKeyStoreUrl": url,
        "trustCertificateKeyStoreType": "JKS",
        "trustCertificateKeyStorePassword": _PASSWORD,
    }


def shared_trust_options() -> dict[str, str]:
    """The same for a store that `share_trust_store` makes wherever a job runs."""
    return trust_options(f"file:{_NAME}")


def share_trust_store(spark: SparkSession, pem: str) -> None:
    """Put a store of the certificates where driver and executors look: their working directory."""
    store = Path(_NAME).resolve()
    write_trust_store(spark._jvm, pem, store)
    spark.sparkContext.addFile(str(store))


def write_trust_store(jvm: Any, pem: str, store: Path) -> None:
    """Write the certificates of a PEM text; raises `CertificatesRefused` where it holds none."""
    try:
        source = jvm.java.io.ByteArrayInputStream(pem.encode())
        factory = jvm.java.security.cert.CertificateFactory.getInstance("X.509")
        certificates = list(factory.generateCertificates(source))
        if not certificates:
            raise CertificatesRefused("expected certificates as PEM, found none")
        trusted = jvm.java.security.KeyStore.getInstance("JKS")
        trusted.load(None, None)
        for at, certificate in enumerate(certificates):
            trusted.setCertificateEntry(f"authority-{at}", certificate)
        target = jvm.java.io.FileOutputStream(str(store))
        characters = jvm.java.nio.CharBuffer.allocate(len(_PASSWORD))
        trusted.store(target, characters.put(_PASSWORD).array())
        target.close()
    except Py4JJavaError as error:
        raise CertificatesRefused(
            "expected certificates as PEM, found something else: "
            f"{error.java_exception.getMessage()}"
        ) from error
