"""Side by side with NGINX and Varnish on the same requests, in the same run. `python -m bench` runs it all."""
